# Sourced in a mount namespace of a user namespace.
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
