"""Scatter plots and where their labels stand."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from seal_sdk.evaluation.reports.label_places import Box, place_labels
from seal_sdk.evaluation.reports.scatter import Mark, scatter


def test_points_stand_where_their_values_are():
    svg = ET.fromstring(scatter("t", "x", "y", [Mark("a", 1, 10), Mark("b & c", 10, 20), Mark("d", 100, 40)]))
    circles = [each for each in svg.iter() if each.tag.endswith("circle")]
    x, y = ([float(each.get(name)) for each in circles] for name in ("cx", "cy"))
    assert x[1] - x[0] == pytest.approx(x[2] - x[1], abs=0.2)
    assert y[0] - y[2] == pytest.approx(3 * (y[0] - y[1]), abs=0.5) and y[0] > y[1]
    assert {"a", "b & c", "d", "t", "x", "y"} <= {each.text for each in svg.iter() if each.text}


def test_one_point_and_equal_points_have_a_plot():
    for marks in ([Mark("a", 2, 0)], [Mark("a", 2, 5), Mark("b", 2, 5)]):
        ET.fromstring(scatter("t", "x", "y", marks))


def test_labels_in_a_crowd_cover_neither_each_other_nor_a_point():
    area, rng = Box(0, 0, 600, 320), np.random.default_rng(0)
    points = [(float(x), float(y)) for x, y in rng.normal((200, 160), (25, 12), (14, 2))]
    boxes = place_labels(points, ["controlnet+ip"] * 14, area)
    assert all(box.within(area) for box in boxes)
    assert not any(one.overlaps(two) for index, one in enumerate(boxes) for two in boxes[:index])
    assert not any(box.left < x < box.right and box.top < y < box.bottom for box in boxes for x, y in points)


def test_a_label_alone_stands_right_of_its_point_or_left_at_the_edge():
    (right,) = place_labels([(100, 50)], ["seal"], Box(0, 0, 200, 100))
    (left,) = place_labels([(195, 50)], ["seal"], Box(0, 0, 200, 100))
    assert right.left == 108 and left.right == 187
