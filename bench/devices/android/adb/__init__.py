"""The way to an Android phone: shell and files over ADB, through a daemon or a running server."""
