"""All measures of an image, by the question that was asked."""

from __future__ import annotations

import numpy as np

from seal_sdk.evaluation.metrics.measures import measure
from seal_sdk.pocket import world


def measure_true(rendering, triple, **given):
    """The values of a rendering whose subject and joints are found without error."""
    return measure(rendering.image, triple, rendering.mask, rendering.keypoints, **given)


def test_conflicts_are_measured_where_they_are_asked(asked, conflicting):
    plain = measure_true(asked[0].truth, asked[0])
    assert plain["scene_success"] == 1 and "color_change" not in plain
    changed = measure_true(conflicting[0].truth, conflicting[0])
    assert changed["color_success"] == 1 and "leakage" not in changed


def test_the_subject_on_the_references_scene_is_no_success(asked):
    triple = asked[0]
    shown = world.render(triple.identity, triple.pose, world.sample(triple.seed).scene)
    values = measure_true(shown, triple)
    assert values["scene_success"] == 0 and values["leakage"] > 5
    assert measure_true(triple.truth, triple)["leakage"] == 0


def test_without_alignment_the_truth_stands_where_the_structure_image_has_it(asked):
    for triple in asked:
        there = world.render(triple.identity, triple.structure_pose, triple.scene)
        assert np.array_equal(there.mask, triple.structure.mask)
        assert measure_true(there, triple, aligned=False)["structure_iou"] == 1
        assert measure_true(there, triple)["structure_iou"] < 1
        assert measure_true(there, triple, aligned=False)["keypoint_distance"] == 0
        assert measure_true(there, triple)["keypoint_distance"] > 0.5
