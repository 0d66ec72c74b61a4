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

# shellcheck source=tests/phone_target/aarch64.sh
source "$(dirname "$0")/aarch64.sh"

echo ready
exec cat >/dev/null
