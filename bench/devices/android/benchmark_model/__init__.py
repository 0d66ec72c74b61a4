"""TensorFlow's `benchmark_model` as the second runner on a phone."""
