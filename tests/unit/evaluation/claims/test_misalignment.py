"""How far the boxes differ."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from seal_sdk.evaluation.claims.misalignment import box_iou, misalignment, misalignments


def test_boxes_share_what_lies_in_both():
    assert box_iou((0, 0, 4, 4), (0, 0, 4, 4)) == 1
    assert box_iou((0, 0, 4, 4), (2, 0, 6, 4)) == pytest.approx(8 / 24)
    assert box_iou((0, 0, 4, 4), (4, 0, 8, 4)) == box_iou((0, 0, 1, 1), (5, 5, 6, 6)) == 0


def test_a_structure_image_that_already_fits_is_not_misaligned(asked):
    fits = replace(asked[0], structure=asked[0].truth)
    assert misalignment(fits) == 0 < misalignment(asked[0]) <= 1
    expected = [np.mean([misalignment(asked[0]), 0]), misalignment(asked[1])]
    assert misalignments([asked[1], asked[0], fits]) == pytest.approx(expected)  # seeds ascend
