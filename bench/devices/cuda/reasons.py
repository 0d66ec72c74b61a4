"""Reasons why a GPU's clocks are below their maximum, by NVML."""

# Bits of nvmlDeviceGetCurrentClocksEventReasons, nvml.h; called throttle reasons before.
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
# The card protects itself: what is measured then is not what it can do.
THROTTLING = 0x008 | 0x020 | 0x040 | 0x080
# The power limit holds it back. With large batches that is many a card's usual state.
POWER_CAP = 0x004


def names_of(reasons: int) -> list[str]:
    """Names of the bits that are set, a bit without one by its number."""
    bits = [1 << place for place in range(reasons.bit_length()) if reasons >> place & 1]
    return [NAMES.get(bit, f"reason_{bit:#x}") for bit in bits]
