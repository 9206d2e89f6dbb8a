"""The controls of several pictures whose rows go through the model together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from seal_sdk.backbone.conditioning import Conditioning
from seal_sdk.backbone.control.base import ActiveControl, among_rows


@dataclass(frozen=True, eq=False)
class _Part:
    """One picture's control, and which rows of the batch are its own."""

    active: ActiveControl
    rows: range


@dataclass(frozen=True, eq=False)
class PackedControl:
    """Several pictures' controls at one step, in the place of an `ActiveControl`. parts: with their rows of the batch."""

    parts: Sequence[_Part]

    def residuals(self, noisy: Tensor, timestep: Tensor, conditioning: Conditioning) -> dict[str, Any]:
        """See `Control.residuals`. Rows of pictures without a control get nothing."""
        total: dict[str, Any] = {}
        for parts in self._kinds():
            rows = [row for part in parts for row in part.rows]
            found = _together(parts).residuals(noisy[rows], timestep, conditioning.take(rows))
            total = _add(total, {name: _among(each, rows, len(noisy)) for name, each in found.items()})
        return total

    def _kinds(self) -> list[list[_Part]]:
        """The parts that go through the control's model together."""
        kinds: dict[int, list[_Part]] = defaultdict(list)
        for part in self.parts:
            kinds[part.active.control.images].append(part)
        return list(kinds.values())


def pack_controls(
    controls: Sequence[ActiveControl | None], rows: Sequence[int]
) -> ActiveControl | PackedControl | None:
    """What steers a batch of several pictures, None where nothing does. rows: how many each has of the batch."""
    if len(controls) == 1:
        return controls[0]
    ends = [sum(rows[: number + 1]) for number in range(len(rows))]
    parts = [
        _Part(each, range(end - count, end))
        for each, count, end in zip(controls, rows, ends, strict=True)
        if each is not None
    ]
    return PackedControl(parts) if parts else None


def _together(parts: Sequence[_Part]) -> ActiveControl:
    """One control of all their rows, counted from the first of them."""
    first, *others = (part.active.control for part in parts)
    guessed, count = [], 0
    for part in parts:
        guessed += [count + row for row in part.active.step.guessed]
        count += len(part.rows)
    control = first.pack(others, [len(part.rows) for part in parts])
    return ActiveControl(control, replace(parts[0].active.step, guessed=tuple(guessed)))


def _among(steered: Any, rows: Sequence[int], count: int) -> Any:
    """`among_rows` of a tensor, or of each of several."""
    if not isinstance(steered, Tensor):
        return [_among(each, rows, count) for each in steered]
    return among_rows(steered, rows, count)


def _add(total: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """What two kinds of controls add, each in rows of its own."""
    both = {name: _sum(total[name], found[name]) for name in total.keys() & found.keys()}
    return {**total, **found, **both}


def _sum(one: Any, other: Any) -> Any:
    if isinstance(one, Tensor):
        return one + other
    return [_sum(*each) for each in zip(one, other, strict=True)]
