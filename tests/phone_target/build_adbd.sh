#!/usr/bin/env bash
# Build Android's adbd, authentication on, for the machine this runs on.
# usage: build_adbd.sh SOURCE OUT      SOURCE: Debian's android-platform-tools 29.0.6, unpacked; OUT: a folder, made
# Files and macros are those of Android's own build of adbd (system/core/adb/Android.bp), less USB, minijail and
# SELinux. What the host lacks is in host_glue.cpp; one line of the source is moved.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source=$1
mkdir -p "$2/objects"
out=$(cd "$2" && pwd)
cd "$source"

adb=system/core/adb
macros=(-D_GNU_SOURCE -DNDEBUG -DADB_HOST=0 -DALLOW_ADBD_ROOT=0 -DANDROID_BASE_UNIQUE_FD_DISABLE_IMPLICIT_CONVERSION=1
    '-DPLATFORM_TOOLS_VERSION="29.0.6"' '-DADB_VERSION="29.0.6"')
includes=(-I/usr/include/android -I$adb -I$adb/daemon/include -I$adb/adbconnection/include
    -Isystem/core/base/include -Isystem/core/diagnose_usb/include -Isystem/core/include
    -Isystem/core/libcrypto_utils/include -Isystem/core/libcutils/include -Isystem/core/liblog/include
    -Isystem/core/libasyncio/include -Iframeworks/native/libs/adbd_auth{,/include})
# Newer standard libraries no longer include these two by the way.
cxx=(clang++ -std=gnu++2a -O2 -fno-exceptions -fno-strict-aliasing -w -include optional -include atomic
    "${macros[@]}" "${includes[@]}")
files=($adb/{adb,adb_io,adb_listeners,adb_trace,adb_unique_fd,adb_utils,services,sockets,socket_spec,transport}.cpp
    $adb/{transport_fd,transport_local,transport_usb,types,sysdeps_unix,shell_service_protocol}.cpp
    $adb/fdevent/{fdevent,fdevent_poll,fdevent_epoll}.cpp
    $adb/sysdeps/{errno,posix/network}.cpp $adb/adbconnection/adbconnection_server.cpp
    $adb/daemon/{auth,jdwp_service,usb_dummy,file_sync_service,services,shell_service,main}.cpp
    system/core/diagnose_usb/diagnose_usb.cpp system/core/libasyncio/AsyncIO.cpp
    "$out/objects/adbd_auth.cpp" "$here/host_glue.cpp")

# SendPacket() sends a packet's key after it has freed the packet; what glibc's free() leaves of it is no key.
auth=frameworks/native/libs/adbd_auth
sed -e '/^        output_queue_\.pop_front();$/d' -e '/ssize_t rc = writev(/a output_queue_.pop_front();' \
    $auth/adbd_auth.cpp >"$out/objects/adbd_auth.cpp"

compile() { # SOURCE: one object of it
    local more=()
    # Its calls to socket_spec_listen go through the glue, which says why.
    [[ $1 != */transport_local.cpp ]] || more=(-Dsocket_spec_listen=glue_listen)
    "${cxx[@]}" "${more[@]}" -c -o "$out/objects/${1//\//_}.o" "$1"
}

clang -O2 -w "${includes[@]}" -c -o "$out/objects/android_pubkey.c.o" system/core/libcrypto_utils/android_pubkey.c
running=0
for file in "${files[@]}"; do
    [[ $running -lt $(nproc) ]] || { wait -n; running=$((running - 1)); }
    compile "$file" &
    running=$((running + 1))
done
while [[ $running -gt 0 ]]; do
    wait -n
    running=$((running - 1))
done

libraries=/usr/lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH)/android
clang++ -fuse-ld=lld -o "$out/adbd" "$out"/objects/*.o -rdynamic \
    -L"$libraries" -Wl,-rpath,"$libraries" -lbase -lcutils -llog -lcrypto -lpthread -lresolv -lutil -lcap
