"""The Markdown of what `gpu.py` measured: a table per kind of case."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

HEADINGS = {
    "device": "The machine",
    "memory": "Peak of the GPU's memory",
    "waits": "Waits of the host",
    "steps": "Steps",
    "batches": "Pictures that share a forward",
    "states": "States of the model, 1024 px, fp16",
    "parts": "The method's parts",
}


def markdown(report: Mapping[str, Any], cases: Sequence[str]) -> str:
    """A section per kind of case, and a line for what was not measured.

    report: as `gpu.py` writes it. cases: all that there are, "kind: title", in their order.
    """
    measured = report["cases"]
    machines = sorted({found["machine"] for found in measured.values() if "machine" in found})
    blocks = ["; ".join(machines) or "nothing was measured"]
    for kind, heading in HEADINGS.items():
        found = {case: measured[case] for case in cases if case.startswith(kind + ": ") and case in measured}
        rows = {name: row for each in found.values() for name, row in each.get("rows", {}).items()}
        if rows:
            blocks += [f"### {heading}", table(rows)]
    failed = [f"- {case}: {measured[case]['failed']}" for case in cases if "failed" in measured.get(case, {})]
    missing = [f"- {case}: not reached" for case in cases if case not in measured]
    if failed or missing:
        blocks += ["### Not measured", "\n".join([*failed, *missing])]
    return "\n\n".join(blocks)


def table(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """One line per row; columns in the order in which they first occur."""
    columns = list(dict.fromkeys(column for row in rows.values() for column in row))
    lines = [["", *columns], ["---"] * (len(columns) + 1)]
    lines += [[name, *(_cell(row.get(column)) for column in columns)] for name, row in rows.items()]
    return "\n".join(map(_line, lines))


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
