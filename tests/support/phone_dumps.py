"""Dumps of a phone's state, as Android and its kernel write them."""

from tests.support.phone_models import Cluster, Model

ARM_FEATURES = "fp asimd evtstrm aes pmull sha1 sha2 crc32"
POWER_DUMP = """\
POWER MANAGER (dumpsys power)

Power Manager State:
  mDirty=0x0
  mWakefulness=Awake
  mWakefulnessChanging=false
  mIsPowered=true
  mPlugType=2
  mBatteryLevel=87
  mStayOn=false

Display Power: state=ON"""


def battery_dump(level: int = 87, tenths_c: int = 290, plugged: bool = True) -> str:
    """Return the output of BatteryService.dumpInternal of Android 9 to 11; status 2 is charging."""
    return f"""\
Current Battery Service state:
  AC powered: false
  USB powered: {str(plugged).lower()}
  Wireless powered: false
  Max charging current: {500000 if plugged else 0}
  Max charging voltage: {5000000 if plugged else 0}
  Charge counter: {level * 27000}
  status: {2 if plugged else 3}
  health: 2
  present: true
  level: {level}
  scale: 100
  voltage: 4201
  temperature: {tenths_c}
  technology: Li-ion"""


def thermal_dump(model: Model, *, cpu_c: float | None = None, status: int = 0) -> str:
    """As ThermalManagerService.dumpInternal of Android 10 and 11 prints it.

    mType: 0 is CPU, 1 GPU, 2 battery, 3 skin (android.hardware.thermal 2.0).
    """
    types = {"battery": 2, "quiet_therm": 3}
    lines = [
        "\tTemperature{"
        f"mValue={zone.celsius if cpu_c is None or not zone.of_cpu else cpu_c}, "
        f"mType={0 if zone.of_cpu else types.get(zone.name, 1)}, mName={zone.name}, mStatus=0}}"
        for zone in model.zones
    ]
    readings = "\n".join(lines)
    return f"""\
IsStatusOverride: false
ThermalEventListeners:
\tcallbacks: 1
\tkilled: false
\tbroadcasts count: -1
ThermalStatusListeners:
\tcallbacks: 1
\tkilled: false
\tbroadcasts count: -1
Thermal Status: {status}
Cached temperatures:
{readings}
HAL Ready: true
HAL connection:
\tThermalHAL 2.0 connected: yes
Current temperatures from HAL:
{readings}
Current cooling devices from HAL:
\tCoolingDevice{{mValue=0, mType=2, mName=thermal-cpufreq-0}}"""


def emulated_cpuinfo(cores: int = 8) -> str:
    """Return /proc/cpuinfo for programs under qemu's `-cpu cortex-a76`, with that part."""
    part = Cluster(range(cores), 0, 0, "0x41", "0x4", "0xd0b", 1)
    features = f"{ARM_FEATURES} atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp"
    return "".join(processor(core, part, features) for core in part.cores)


def processor(core: int, cluster: Cluster, features: str) -> str:
    return (
        f"processor\t: {core}\nBogoMIPS\t: 38.40\nFeatures\t: {features}\n"
        f"CPU implementer\t: {cluster.implementer}\nCPU architecture: 8\n"
        f"CPU variant\t: {cluster.variant}\nCPU part\t: {cluster.part}\n"
        f"CPU revision\t: {cluster.revision}\n\n"
    )
