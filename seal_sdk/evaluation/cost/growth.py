"""How costs grow: with the picture's side, with steps, pictures, batches, identities, references, cached timesteps, and the library.

Each curve's points are measured in turn, again and again; a straight line through their logarithms gives the power with which cost grows.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any, TypedDict

import numpy as np
from tqdm import tqdm

from seal_sdk.errors import ConfigError
from seal_sdk.evaluation.cost.curves import CURVES, PLAIN, Curve, Measuring
from seal_sdk.evaluation.cost.workplace import CostSetup, open_workplace

TOLERANCE = 0.1
"""How much steeper than its limit a measured power may be."""
LIBRARY = "library"
_LIBRARY_MODULE = "seal_sdk.evaluation.cost.library"
Values = Mapping[str, Sequence[int]]
"""Curve -> its points along the axis."""


class Series(TypedDict):
    """One cost along a curve.

    Attributes:
        seconds: Median of each point.
        each: All repeats of each point.
        power: Slope in the log-log plot: 1 is straight, 0 a cost that does not grow, 2 a square; None with fewer than two points.
        limit: The power that it should not exceed: 1, 0 for the cost of each picture, plain SDXL's own along the side; None for plain SDXL.
        holds: Whether it does not, within `TOLERANCE`; None where there is no power or no limit.
    """

    seconds: list[float]
    each: list[list[float]]
    power: float | None
    limit: float | None
    holds: bool | None


class CurveSummary(TypedDict):
    """A curve.

    Attributes:
        title: What is along its axis.
        values: The points there.
        series: Name of a cost -> that cost.
        computed: Whether points are computed from one registration and one picture.
    """

    title: str
    values: list[int]
    series: dict[str, Series]
    computed: bool


class GrowthSummary(TypedDict):
    """What `measure_growth` returns: plain JSON. setup: what the figures depend on; empty where no model was needed."""

    setup: dict[str, Any]
    curves: dict[str, CurveSummary]


def measure_growth(setup: CostSetup, values: Values) -> GrowthSummary:
    """Measure curves. Shows progress on a terminal.

    Args:
        setup: What is measured, and how often.
        values: Name of a curve -> its points, whole numbers from 1 on. `LIBRARY` needs no model.

    Raises:
        ConfigError: If a curve is unknown or a point too small.
        WeightsNotFound, UnsupportedModel, SizeError, SubjectNotFound: As of `open_workplace`.
    """
    check_curves(values)
    of_model = {name: points for name, points in values.items() if name != LIBRARY}
    summary: GrowthSummary = {"setup": {}, "curves": {}}
    if of_model:
        with open_workplace(setup) as place, Measuring(place) as measuring:
            summary["setup"] = place.facts()
            for name, points in of_model.items():
                summary["curves"][name] = _measure(measuring, name, points)
    if LIBRARY in values:
        summary["curves"][LIBRARY] = _measure_library(values[LIBRARY])
    return summary


def check_curves(values: Values) -> None:
    """Raise ConfigError for what is no curve, or points that it cannot have."""
    for name, points in values.items():
        if name not in CURVES and name != LIBRARY:
            raise ConfigError(f"There is no curve {name!r}; choose from {', '.join((*CURVES, LIBRARY))}.")
        most = CURVES[name].most if name in CURVES else None
        wrong = next((each for each in points if each < 1 or (most is not None and each > most)), None)
        if wrong is not None or not points:
            upper = "" if most is None else f" to {most}"
            raise ConfigError(f"{name}={wrong!r}: expected whole numbers from 1{upper or ' on'}.")
    if LIBRARY in values and find_spec(_LIBRARY_MODULE) is None:
        raise ConfigError(f"{LIBRARY}={values[LIBRARY]!r}: this version does not measure libraries; leave it out.")


def _measure(measuring: Measuring, name: str, points: Sequence[int]) -> CurveSummary:
    curve, repeats = CURVES[name], measuring.place.setup.repeats
    each: dict[str, list[list[float]]] = {}
    for point in points:
        curve.prepare(measuring, point)
    with tqdm(total=repeats * len(points), unit="point", disable=None) as bar:
        for number in range(1, repeats + 1):
            measuring.begin_repeat()
            for index, point in enumerate(points):
                bar.set_description(f"repeat {number} of {repeats}: {curve.title} {point}")
                for series, seconds in curve.measure(measuring, point).items():
                    each.setdefault(series, [[] for _ in points])[index].append(seconds)
                bar.update()
    along = [curve.along(measuring.place, point) for point in points]
    return {
        "title": curve.title,
        "values": along,
        "series": _with_limits(along, each, curve),
        "computed": curve.computed,
    }


def _with_limits(along: Sequence[int], each: Mapping[str, list[list[float]]], curve: Curve) -> dict[str, Series]:
    plain = _power(along, each[PLAIN]) if PLAIN in each else None
    limit = plain if curve.limit is None else curve.limit
    return {name: _series(along, found, None if name == PLAIN else limit) for name, found in each.items()}


def _series(along: Sequence[int], each: list[list[float]], limit: float | None) -> Series:
    power = _power(along, each)
    return {
        "seconds": [median(found) for found in each],
        "each": each,
        "power": power,
        "limit": limit,
        "holds": None if power is None or limit is None else power <= limit + TOLERANCE,
    }


def _power(along: Sequence[int], each: Sequence[Sequence[float]]) -> float | None:
    """The slope of the line through the logarithms (least squares)."""
    if len(set(along)) < 2:
        return None
    seconds = [max(median(found), 1e-9) for found in each]
    return float(np.polyfit(np.log(along), np.log(seconds), 1)[0])


def _measure_library(counts: Sequence[int]) -> CurveSummary:
    """The store's operations in libraries of so many identities (`cost.library`)."""
    counts = sorted(set(counts))
    with tempfile.TemporaryDirectory(prefix="seal-library-") as folder:
        found = import_module(_LIBRARY_MODULE).measure_library(counts, Path(folder))
    costs = [asdict(cost) for cost in found]
    names = [name for name, value in costs[0].items() if name != "identities" and isinstance(value, float)]
    return {
        "title": "identities in the library",
        "values": list(counts),
        "series": {name: _series(counts, [[cost[name]] for cost in costs], 1.0) for name in names},
        "computed": False,
    }
