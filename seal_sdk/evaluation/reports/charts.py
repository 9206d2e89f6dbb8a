"""Bar plots and curves with intervals as inline SVG, so that a report needs no plotting library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_LEFT, _TOP, _PLOT, _BOTTOM = 52, 26, 150, 16
_STYLE = "font-family:sans-serif;font-size:11px"


@dataclass(frozen=True)
class Point:
    """A labelled value with its interval, low to high."""

    label: str
    mean: float
    low: float
    high: float


def bars(title: str, points: Sequence[Point]) -> str:
    """An ``<svg>`` element with a bar and its interval for each point. Bars are numbered as in `page.legend`."""
    axis = _Axis(points, from_zero=True)
    wide = 34
    shapes = []
    for index, point in enumerate(points):
        x = _LEFT + 8 + index * wide
        top, zero = axis.y(point.mean), axis.y(0)
        shapes.append(
            f'<rect x="{x}" y="{min(top, zero):.1f}" width="{wide - 12}" height="{abs(zero - top):.1f}" fill="#7aa6c8">'
            f"<title>{escape(point.label)}: {point.mean:.4g}</title></rect>"
        )
        shapes += [
            _whisker(x + (wide - 12) / 2, point, axis),
            _text(x + (wide - 12) / 2, axis.bottom + 13, str(index + 1)),
        ]
    return _svg(title, axis, _LEFT + 8 + len(points) * wide, shapes)


def curve(title: str, points: Sequence[Point]) -> str:
    """An ``<svg>`` element with a line through the points, evenly spaced in their order, and their intervals."""
    axis = _Axis(points, from_zero=False)
    wide = 64
    at = [(_LEFT + wide / 2 + index * wide, axis.y(point.mean)) for index, point in enumerate(points)]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
    shapes = [f'<polyline points="{line}" fill="none" stroke="#31688e" stroke-width="2"/>']
    for (x, y), point in zip(at, points, strict=True):
        shapes += [
            _whisker(x, point, axis),
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="#31688e"><title>{point.mean:.4g}</title></circle>',
            _text(x, axis.bottom + 13, point.label),
        ]
    return _svg(title, axis, _LEFT + len(points) * wide, shapes)


class _Axis:
    """Maps values to pixels, over a range that contains every interval."""

    def __init__(self, points: Sequence[Point], *, from_zero: bool) -> None:
        low, high = min(point.low for point in points), max(point.high for point in points)
        if from_zero:
            low, high = min(low, 0.0), max(high, 0.0)
        self.step = round_step((high - low) / 4 or abs(high) / 4 or 1.0)
        self.low = math.floor(low / self.step + 1e-9) * self.step
        self.high = max(math.ceil(high / self.step - 1e-9) * self.step, self.low + self.step)
        self.bottom = _TOP + _PLOT

    def y(self, value: float) -> float:
        """The vertical position of a value, in pixels from the top."""
        return self.bottom - (value - self.low) / (self.high - self.low) * _PLOT

    def ticks(self) -> list[float]:
        """The values of the grid lines, from low to high."""
        return [self.low + index * self.step for index in range(round((self.high - self.low) / self.step) + 1)]


def round_step(step: float) -> float:
    """The smallest of 1, 2, 5 and 10 times a power of ten that is not below ``step``."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(each * power for each in (1, 2, 5, 10) if each * power >= step * (1 - 1e-9))


def _whisker(x: float, point: Point, axis: _Axis) -> str:
    return f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{axis.y(point.low):.1f}" y2="{axis.y(point.high):.1f}" stroke="#222"/>'


def _text(x: float, y: float, text: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _svg(title: str, axis: _Axis, width: float, shapes: Sequence[str]) -> str:
    width = max(width, _LEFT + 7 * len(title))
    grid = [
        f'<line x1="{_LEFT}" x2="{width:.0f}" y1="{axis.y(tick):.1f}" y2="{axis.y(tick):.1f}" stroke="#ddd"/>'
        + _text(_LEFT - 5, axis.y(tick) + 4, f"{tick:.4g}", "end")
        for tick in axis.ticks()
    ]
    inside = "".join([_text(_LEFT, 14, title, "start"), *grid, *shapes])
    height = _TOP + _PLOT + _BOTTOM
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}" style="{_STYLE}">{inside}</svg>'
    )
