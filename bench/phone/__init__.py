"""What an Android phone is, as far as measuring on it goes; `bench.adb` is the way to it."""
