"""The speed benchmark's tables, and its HTML report: systems, ratios and phases, with bar plots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from seal_sdk.evaluation.cost.profile import TOTAL
from seal_sdk.evaluation.cost.speed import SpeedSummary
from seal_sdk.evaluation.cost.systems import WHAT
from seal_sdk.evaluation.reports import page
from seal_sdk.evaluation.reports.charts import Point, bars

Table = tuple[tuple[str, ...], list[tuple[str, ...]]]
"""A head and lines."""

MEANING: Mapping[str, str] = {
    "step_over_plain": "the denoising loop over plain forwards with as many rows",
    "generate_over_plain": "a picture over one of plain SDXL with guidance",
    "amortised_20_over_stateless": "registering and 20 pictures over 20 of the paper's procedure",
    "amortised_20_over_ctrlx": "the same over 20 of Ctrl-X",
    "amortised_20_over_controlnet_ip_adapter": "the same over 20 of ControlNet with IP-Adapter",
    "register_over_forwards": "registering, without finding the subject, over its bare forwards",
    "disk_over_memory": "a picture with keys and values from the disk over one from memory",
}


def system_table(summary: SpeedSummary) -> Table:
    """Seconds, rows and memory of each system."""
    lines: list[tuple[str, ...]] = [
        (
            name,
            f"{each['median']:.3f}",
            " to ".join(f"{value:.3f}" for value in each["quartiles"]),
            str(each["rows"]),
            str(each["forwards"]),
            "" if each["peak_bytes"] is None else f"{each['peak_bytes'] / 1e6:.1f}",
        )
        for name, each in summary["systems"].items()
    ]
    return ("system", "seconds", "quartiles", "rows", "forwards", "peak, MB"), lines


def ratio_table(summary: SpeedSummary) -> Table:
    """Each ratio, its range over the repeats, and what it is of."""
    lines: list[tuple[str, ...]] = [
        (
            name,
            f"{value:.3f}",
            f"{min(summary['ratios_each'][name]):.3f} to {max(summary['ratios_each'][name]):.3f}",
            MEANING[name],
        )
        for name, value in summary["ratios"].items()
    ]
    return ("ratio", "median", "range", "of what"), lines


def phase_table(summary: SpeedSummary) -> Table:
    """Seconds of each phase of one call; the total is last."""
    calls = summary["phases"]
    if not calls:
        return ("phase, seconds",), []
    names = [name for name in dict.fromkeys(name for phases in calls.values() for name in phases) if name != TOTAL]
    lines: list[tuple[str, ...]] = [
        (name, *(f"{phases[name]:.4f}" if name in phases else "" for phases in calls.values()))
        for name in (*names, TOTAL)
    ]
    return ("phase, seconds", *calls), lines


def remarks(summary: SpeedSummary) -> list[str]:
    """What no table has: rows, bytes and waits."""
    rows, store = summary["rows"], summary["store"]
    found = [
        f"Rows: {sum(rows['register'])} to register; {sum(rows['before_steps'])} before the first step of a first picture; "
        f"{_runs(rows['steps'])} in its steps."
    ]
    if store is not None:
        read = ", ".join(f"{count} from {tier}" for tier, count in store["reads"].items()) or "none"
        found.append(
            f"A warm picture reads {store['bytes'] / 1e6:.2f} MB of the identity's {store['identity_bytes'] / 1e6:.2f} MB "
            f"(cached timesteps: {read})."
        )
    waits = [
        f"{name} {'unknown' if count is None else f'{count:.1f}'}" for name, count in summary["host_syncs"].items()
    ]
    if waits:
        found.append(f"Waits of the host for the device in a step: {', '.join(waits)}.")
    return found


def _runs(rows: Sequence[int]) -> str:
    """Rows of the steps, equal neighbours together: "8 x 4, 12 x 3"."""
    runs: list[list[int]] = []
    for count in rows:
        if runs and runs[-1][1] == count:
            runs[-1][0] += 1
        else:
            runs.append([1, count])
    return ", ".join(f"{times} x {count}" for times, count in runs)


def speed_report(summary: SpeedSummary) -> str:
    """A self-contained HTML page of what `measure_speed` returned."""
    systems, ratios = summary["systems"], summary["ratios"]
    parts = [page.facts(summary["setup"]), page.paragraph(_HOW)]
    parts += [page.heading("Systems"), page.facts({name: WHAT[name] for name in systems})]
    parts += [page.table(*system_table(summary)), page.legend(list(systems))]
    parts.append(bars("seconds", [Point(name, each["median"], *each["quartiles"]) for name, each in systems.items()]))
    if ratios:
        spread = summary["ratios_each"]
        parts += [page.heading("Ratios"), page.table(*ratio_table(summary)), page.legend(list(ratios))]
        parts.append(
            bars("ratio", [Point(name, value, min(spread[name]), max(spread[name])) for name, value in ratios.items()])
        )
    if summary["phases"]:
        hot = {name: value for name, value in summary["phases"]["hot"].items() if name != TOTAL}
        parts += [page.heading("Phases of one call"), page.table(*phase_table(summary)), page.legend(list(hot))]
        parts.append(bars("seconds of a hot picture", [Point(name, it, it, it) for name, it in hot.items()]))
    parts += [page.paragraph(remark) for remark in remarks(summary)]
    return page.page("SeAl: speed", parts)


_HOW = (
    "All systems share model, size, steps, guidance and seed, and run in turn in one process, again and again. Seconds are medians with "
    "quartiles; a ratio is the median of the repeats' quotients. Before the clock starts sessions are open, their weights hashed and their "
    "subject finders loaded. Memory is what a run takes beyond what was in use before it. Rows are those of the UNet."
)
