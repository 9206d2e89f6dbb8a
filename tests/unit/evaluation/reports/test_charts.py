"""Charts as SVG."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from seal_sdk.evaluation.reports.charts import Point, bars, curve


def heights(svg):
    return [float(each.get("height")) for each in ET.fromstring(svg).iter() if each.tag.endswith("rect")]


def test_bars_are_as_high_as_their_values():
    one, two = heights(bars("<t>", [Point("a & b", 10, 8, 12), Point("c", 20, 19, 21)]))
    assert two == pytest.approx(2 * one, rel=0.01)
    down = heights(bars("t", [Point("a", -5, -6, -4), Point("b", 5, 4, 6)]))
    assert down[0] == pytest.approx(down[1], rel=0.01)
    assert heights(bars("t", [Point("a", 0, 0, 0)])) == [0]


def test_curves_pass_their_points():
    svg = ET.fromstring(curve("t", [Point("1", 3, 2, 4), Point("2", 1, 1, 1), Point("3", 2, 1, 3)]))
    ys = [float(each.get("cy")) for each in svg.iter() if each.tag.endswith("circle")]
    assert ys[0] < ys[2] < ys[1] and ys[2] - ys[0] == pytest.approx(ys[1] - ys[2], abs=0.2)
