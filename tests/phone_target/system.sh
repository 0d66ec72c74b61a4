#!/usr/bin/env bash
# Process 1 of one boot: starts and kills adbd at a word on standard input, and says "done" after each.
# usage, inside hardware.sh's namespaces: unshare --mount --pid --fork --kill-child system.sh ROOT SCRATCH LOG
# When the input ends this process ends, and with it, by the kernel's rule for a namespace's process 1, all that the
# phone runs.
set -euo pipefail
root=$1 scratch=$2 log=$3

# The kernel's /proc, of this boot's processes alone, with the files that the phone's root has over it.
mount --bind "$root/proc" "$scratch"
mount -t proc proc "$root/proc"
(cd "$scratch" && find . -type f) | while read -r name; do
    mount --bind "$scratch/$name" "$root/proc/$name"
done

# A user namespace of its own makes it user 2000 (shell), as on a phone, who may do nothing that root may.
# qemu 7.2 computes int8 wrongly, and says nothing, on the processor that it plays unasked (it has SME).
environment=(PATH=/system/bin HOME=/ ANDROID_ROOT=/system ANDROID_DATA=/data TMPDIR=/data/local/tmp
    QEMU_CPU=cortex-a76 ADBD_PROPERTIES=/phone/adbd.prop "ANDROID_SOCKET_adbd=$ANDROID_SOCKET_adbd")
unshare=$(command -v unshare)
start() {
    env -i "${environment[@]}" "$unshare" --user --map-user=2000 --map-group=2000 --root="$root" --wd=/ \
        /system/bin/adbd </dev/null >>"$log" 2>&1 &
    daemon=$!
}
stop() { # as Android's init does for a service that died: with it goes all that it started
    kill -KILL -1
    wait "$daemon" 2>/dev/null || true
}

echo "done"
while read -r word; do
    "$word"
    echo "done"
done
