"""What boards and servers answer to queries, by the query's name."""

CPU = "/sys/devices/system/cpu"
ZONES = "/sys/class/thermal"
JETSON = {
    "home": "/home/me",
    "uname": "aarch64\n4.9.337-tegra\nLinux",
    "os": 'PRETTY_NAME="Ubuntu 18.04.6 LTS"',
    "cpuinfo": "processor\t: 0\nFeatures\t: fp asimd crc32\nCPU part\t: 0xd07\n",
    "tree": "NVIDIA Jetson TX2 Developer Kit",
    "identity": "0123456789abcdef0123456789abcdef",
    "cpus": f"{CPU}/present 0-3\n{CPU}/online 0-3",
    "cpufreq": "\n".join(
        f"{CPU}/cpu{core}/cpufreq/{name} {value}"
        for core in range(4)
        for name, value in (
            ("cpuinfo_min_freq", "345600"),
            ("cpuinfo_max_freq", "2035200"),
            ("scaling_governor", "schedutil"),
        )
    ),
    "allowed": "Cpus_allowed_list:\t0-2",
}
XEON = {
    "uname": "x86_64\n6.1.0-18-amd64\nLinux",
    "cpuinfo": "processor\t: 0\nmodel name\t: Intel(R) Xeon(R) Gold 6126 CPU @ 2.60GHz\n"
    "flags\t\t: fpu avx2 avx512f fma\n",
    "product": "PowerEdge R640",
    "cpus": f"{CPU}/present 0-1",
}
PI_STATE = {
    "cpufreq": f"{CPU}/cpu0/cpufreq/scaling_cur_freq 1500000\n"
    f"{CPU}/cpu0/cpufreq/scaling_max_freq 1800000",
    "zones": f"{ZONES}/thermal_zone0/type cpu-thermal\n{ZONES}/thermal_zone0/temp 81200",
    "cooling": f"{ZONES}/cooling_device0/type cpufreq-cpu0\n"
    f"{ZONES}/cooling_device0/cur_state 2\n"
    f"{ZONES}/cooling_device1/type pwm-fan\n{ZONES}/cooling_device1/cur_state 3",
    "firmware": "throttled=0x50005",
    "load": "0.50 0.40 0.30 1/100 1000",
    "memory": "MemTotal: 3884360 kB\nMemAvailable: 3000000 kB",
}
# In the format of NVIDIA's tegrastats (Jetson Linux Developer Guide).
TEGRASTATS = (
    "RAM 2448/7860MB (lfb 2x1MB) SWAP 0/3930MB (cached 0MB) CPU [12%@1190,off,off,5%@2035] "
    "EMC_FREQ 5%@1600 GR3D_FREQ 37%@1134 PLL@38C MCPU@39.5C GPU@37.5C thermal@38.9C "
    "Tdiode@-256C VDD_IN 3102/3102"
)
