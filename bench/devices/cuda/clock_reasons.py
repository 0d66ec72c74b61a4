"""Reasons why a GPU's clocks are below their maximum, as NVML reports them."""

# Bits of nvmlDeviceGetCurrentClocksEventReasons, nvml.h; formerly called throttle reasons.
NAMES = {
    0x001: "gpu_idle",
    0x002: "application_clocks",
    0x004: "sw_power_cap",
    0x008: "hw_slowdown",
    0x010: "sync_boost",
    0x020: "sw_thermal_slowdown",
    0x040: "hw_thermal_slowdown",
    0x080: "hw_power_brake",
    0x100: "display_clocks",
}
# The GPU protects itself: measurements meanwhile do not show its normal speed.
THROTTLING = 0x008 | 0x020 | 0x040 | 0x080
# The power limit slows it down. With large batches that is the usual state of many GPUs.
POWER_CAP = 0x004


def names_of(reasons: int) -> list[str]:
    """Return the names of the set bits, or the number of a bit without a name."""
    bits = [1 << place for place in range(reasons.bit_length()) if reasons >> place & 1]
    return [NAMES.get(bit, f"reason_{bit:#x}") for bit in bits]
