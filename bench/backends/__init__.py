"""Runtimes: torch, onnx (onnxruntime), tflite (LiteRT or tflite-runtime), and a simulated one."""
