"""Facts and state of a device, read by commands of its shell: the parts that all devices share."""
