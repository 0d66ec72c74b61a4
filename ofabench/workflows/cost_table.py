"""Tables of `ofabench cost` as text."""

from typing import Any

from supernet.cost import first_cheaper


def cost_lines(data: dict[str, Any]) -> list[str]:
    """Return both tables and the assumptions as lines."""
    measured, published = data["measured"], data["published"]
    lines = [f"measured, supernet of {data['space']}:"]
    lines.append(f"{'':>7}  {'one supernet for all':^32}  {'one training each':^32}")
    heading = f"{'hours':>10} {'kWh':>10} {'kg CO2e':>10}"
    lines.append(f"{'devices':>7}  {heading}  {heading}")
    for row in measured["totals"]:
        lines.append(f"{row['devices']:>7}  {_cells(row['ours'])}  {_cells(row['other'])}".rstrip())
    if "cheaper_from" in measured:
        lines.append(_crossing_line("device hours", measured["crosses_at"]))
        lines.append(_crossing_line("energy", measured["energy_crosses_at"]))
    lines += ["", f"published, GPU hours ({published['source']}):"]
    counts = [*next(iter(published["gpu_hours"].values()))]
    lines.append(f"{'devices':<26}" + "".join(f"{n:>11}" for n in counts))
    for name, hours in published["gpu_hours"].items():
        lines.append(f"{name:<26}" + "".join(f"{hours[n]:>11,.0f}" for n in counts))
    for name, crossings in published["crosses_at"].items():
        points = ", ".join(f"{other} at N = {_short(n)}" for other, n in crossings.items())
        lines.append(f"{name} crosses {points}")
    lines += ["", "assumed or given:", *(f"- {assumption}" for assumption in data["assumptions"])]
    return lines


def _crossing_line(quantity: str, crosses_at: float | None) -> str:
    if crosses_at is None:
        return f"  by {quantity} the supernet is never the cheaper"
    first = first_cheaper(crosses_at)
    return f"  by {quantity} they cross at N = {crosses_at:.2f}: cheaper from {first} devices on"


def _cells(amount: dict[str, float | None] | None) -> str:
    if amount is None:
        return f"{'-':>10} {'-':>10} {'-':>10}"
    values = (amount["device_h"], amount["kwh"], amount["co2e_kg"])
    return " ".join(f"{'-' if value is None else f'{value:.4g}':>10}" for value in values)


def _short(value: float | None) -> str:
    return "never" if value is None else f"{value:.3g}"
