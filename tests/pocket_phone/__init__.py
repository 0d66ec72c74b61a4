"""A phone's side of ADB in pure Python, independent of what it tests.

Followed are AOSP's system/core/adb protocol.txt, SERVICES.TXT, SYNC.TXT and what adbd 29.0.6 does
(daemon/*.cpp, sockets.cpp, transport.cpp). It needs no privileges: programs run under this
machine's shell, with the paths of the phone's folders in commands turned into those of its tree.
"""
