#!/usr/bin/env bash
# What stays when a phone restarts: its storage, its devices, its processor's instruction set.
# usage: unshare --user --map-root-user --mount --propagation private hardware.sh ROOT DISK_BYTES
# Says "ready", then holds the namespaces until its standard input ends, which it does with who holds the other end.
set -euo pipefail
root=$1 disk_bytes=$2

mount -t tmpfs -o "size=$disk_bytes,mode=0771" disk "$root/data/local/tmp"
# A page that is always used: a size of 0 would mean no limit.
exec {page}<>"$root/data/local/tmp/page"
echo >&"$page"
rm "$root/data/local/tmp/page"

# Single nodes, never the whole /dev: to the kernel the phone's user is the one who runs the tests, perhaps root.
mount -t tmpfs -o size=64k,mode=0755 dev "$root/dev"
for node in null zero full random urandom tty; do
    : >"$root/dev/$node"
    mount --bind "/dev/$node" "$root/dev/$node"
done
mkdir "$root/dev/pts"
mount -t devpts -o newinstance,ptmxmode=0666 pts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"

# aarch64 programs run through qemu: by the system's registration, or by one of this namespace (Linux 6.7).
if [[ ! -e /proc/sys/fs/binfmt_misc/qemu-aarch64 ]]; then
    mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc || {
        echo "Linux runs no aarch64 programs here: it is older than 6.7, and qemu-aarch64 is not registered" >&2
        exit 1
    }
    # name:M(agic)::ELF, 64 bit, little endian, any type of program, machine 183:mask:interpreter:F(opened now)
    magic='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
    mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
    printf %s ":qemu-aarch64:M::$magic:$mask:$(command -v qemu-aarch64-static):F" >/proc/sys/fs/binfmt_misc/register
fi

echo ready
exec cat >/dev/null
