"""Data sets: decoding, augmentation, batches, class names."""
