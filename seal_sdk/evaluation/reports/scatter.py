"""Scatter plots with a logarithmic axis as inline SVG: one value of labelled things over another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from seal_sdk.evaluation.reports.charts import round_step
from seal_sdk.evaluation.reports.label_places import HEIGHT, Box, Place, place_labels

_WIDTH, _HEIGHT = 640, 400
_AREA = Box(48, 40, _WIDTH - 12, _HEIGHT - 40)
_STYLE = "font-family:sans-serif;font-size:11px"
_NEAR = 10  # pixels; labels so near to their point need no line
_INK, _ACCENT, _GRID = "#31688e", "#c0392b", "#ddd"


@dataclass(frozen=True)
class Mark:
    """A labelled point. x: above 0. accent: whether it stands out by its colour."""

    label: str
    x: float
    y: float
    accent: bool = False


def scatter(title: str, x_title: str, y_title: str, marks: Sequence[Mark]) -> str:
    """An ``<svg>`` element with a point for each mark; x is logarithmic, and neither axis begins at 0. Labels do not cover each other."""
    across, up = _LogAxis([mark.x for mark in marks]), _Axis([mark.y for mark in marks])
    points = [(across.place(mark.x), up.place(mark.y)) for mark in marks]
    boxes = place_labels(points, [mark.label for mark in marks], _AREA)
    shapes = [*_frame(title, x_title, y_title), *across.lines(), *up.lines()]
    shapes += [_leader(point, box) for point, box in zip(points, boxes, strict=True)]
    shapes += [_mark(*each) for each in zip(marks, points, boxes, strict=True)]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" style="{_STYLE}">'
    return f"{head}{''.join(shapes)}</svg>"


class _LogAxis:
    """From values to pixels from the left, with ticks at 1, 2 and 5 times powers of ten."""

    def __init__(self, values: Sequence[float]) -> None:
        self._low, self._high = math.log10(min(values) / 1.3), math.log10(max(values) * 1.3)

    def place(self, value: float) -> float:
        share = (math.log10(value) - self._low) / (self._high - self._low)
        return _AREA.left + share * (_AREA.right - _AREA.left)

    def lines(self) -> list[str]:
        powers = range(math.floor(self._low), math.ceil(self._high) + 1)
        steps = (1, 2, 5) if self._high - self._low < 3 else (1,)
        ticks = [step * 10.0**power for power in powers for step in steps]
        shown = [tick for tick in ticks if self._low <= math.log10(tick) <= self._high]
        return [
            f'<line x1="{self.place(tick):.1f}" x2="{self.place(tick):.1f}" y1="{_AREA.top}" y2="{_AREA.bottom}" stroke="{_GRID}"/>'
            + _text(self.place(tick), _AREA.bottom + 14, f"{tick:g}")
            for tick in shown
        ]


class _Axis:
    """From values to pixels from the top."""

    def __init__(self, values: Sequence[float]) -> None:
        self._step = round_step((max(values) - min(values)) / 5 or 1.0)
        self._first = math.ceil(min(values) / self._step) - 1
        self._count = math.floor(max(values) / self._step) + 1 - self._first

    def place(self, value: float) -> float:
        share = (value / self._step - self._first) / self._count
        return _AREA.bottom - share * (_AREA.bottom - _AREA.top)

    def lines(self) -> list[str]:
        ticks = [(self._first + index) * self._step for index in range(self._count + 1)]
        return [
            f'<line x1="{_AREA.left}" x2="{_AREA.right}" y1="{self.place(tick):.1f}" y2="{self.place(tick):.1f}" stroke="{_GRID}"/>'
            + _text(_AREA.left - 5, self.place(tick) + 4, f"{tick:g}", "end")
            for tick in ticks
        ]


def _frame(title: str, x_title: str, y_title: str) -> list[str]:
    return [
        _text(4, 14, title, "start", "font-weight:bold"),
        _text(4, 31, y_title, "start"),
        _text(_AREA.right, _HEIGHT - 8, x_title, "end"),
    ]


def _leader(point: Place, box: Box) -> str:
    x, y = box.nearest(point)
    if math.dist(point, (x, y)) <= _NEAR:
        return ""
    return f'<line x1="{point[0]:.1f}" y1="{point[1]:.1f}" x2="{x:.1f}" y2="{y:.1f}" stroke="#999"/>'


def _mark(mark: Mark, point: Place, box: Box) -> str:
    ink = _ACCENT if mark.accent else _INK
    circle = f'<circle cx="{point[0]:.1f}" cy="{point[1]:.1f}" r="4" fill="{ink}">'
    told = f"<title>{escape(mark.label)}: {mark.x:.4g}, {mark.y:.4g}</title></circle>"
    anchor, x = ("end", box.right) if box.right <= point[0] else ("start", box.left)
    return circle + told + _text(x, box.bottom - HEIGHT / 4, mark.label, anchor, f"fill:{ink}")


def _text(x: float, y: float, text: str, anchor: str = "middle", style: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" style="{style}">{escape(text)}</text>'
