"""Connection to an Android phone: shell and files over ADB, by a daemon or a running server."""
