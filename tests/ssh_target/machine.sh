#!/usr/bin/env bash
# A machine's storage, and its processor's instruction set.
# usage: unshare --user --map-root-user --mount --propagation private machine.sh HOME DISK_BYTES exec|noexec [CPUINFO]
# With CPUINFO, the processor file of an aarch64 machine, it runs programs for aarch64.
# Says "ready", then holds the namespaces until its standard input ends, which it does with who holds the other end.
set -euo pipefail
home=$1 disk_bytes=$2 executable=$3 cpuinfo=${4-}

mount -t tmpfs -o "size=$disk_bytes,mode=0755,$executable" disk "$home"
# A page that is always used: a size of 0 would mean no limit.
exec {page}<>"$home/page"
echo >&"$page"
rm "$home/page"

if [[ -n $cpuinfo ]]; then
    # qemu 7 shows the host's processor, on which LiteRT's arm64 library crashes.
    mount --bind "$cpuinfo" /proc/cpuinfo
    # shellcheck source=tests/phone_target/aarch64.sh
    source "$(dirname "$0")/../phone_target/aarch64.sh"
fi

echo ready
exec cat >/dev/null
