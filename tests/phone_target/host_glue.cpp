// What Android has and a PC has not, linked into adbd. No file of Android's is changed.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

#include <android-base/properties.h>

#include "socket_spec.h"

// Android's init hands adbd the socket on which it asks "Allow USB debugging?", by its number in the
// environment. Off Android libcutils finds none.
extern "C" int android_get_control_socket(const char* name) {
    const char* number = getenv((std::string("ANDROID_SOCKET_") + name).c_str());
    return number ? atoi(number) : -1;
}

// server_socket_thread() gives up where errno is EINVAL after listening, even if that succeeded; and
// parsing "localhost:PORT" as a number leaves EINVAL there. transport_local.cpp is compiled to call this.
int glue_listen(std::string_view address, std::string* error, int* port) {
    int fd = socket_spec_listen(address, error, port);
    if (fd >= 0) errno = 0;
    return fd;
}

namespace {

// libbase keeps properties in this process; $ADBD_PROPERTIES names a file of lines "name=value".
void ReadProperties() {
    const char* path = getenv("ADBD_PROPERTIES");
    if (!path) return;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        size_t equals = line.find('=');
        if (equals == std::string::npos || line[0] == '#') continue;
        android::base::SetProperty(line.substr(0, equals), line.substr(equals + 1));
    }
    unsetenv("ADBD_PROPERTIES");
}

// The phone has eight cores and this machine perhaps two, where binding a program to the fourth fails. So
// binding does nothing here, and succeeds, in adbd and in all it starts. Nobody times anything on this target.
void IgnoreAffinity() {
    sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sched_setaffinity, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        perror("adbd: cannot have binding to cores ignored");
        exit(1);
    }
}

// After libbase's own constructors, before main().
__attribute__((constructor(65535))) void PlayAndroid() {
    ReadProperties();
    IgnoreAffinity();
}

}  // namespace
