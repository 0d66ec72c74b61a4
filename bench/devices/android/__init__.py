"""Android phones as devices, connected through ADB."""
