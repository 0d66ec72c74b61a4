"""What an Android phone is, as far as measuring on it goes; its `adb` is the way to it."""
