"""All measures of an image, by the question that was asked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from seal_sdk.evaluation.metrics.measures import FOLLOWED, MEASURES, SUCCESS, measure
from seal_sdk.evaluation.networks.seeing import Seen
from seal_sdk.evaluation.questions.conflicts import CONFLICTS
from seal_sdk.evaluation.questions.conflicts import conflicting as ask
from seal_sdk.pocket import world


def measure_true(rendering, triple, pattern=None, **given):
    """The values of a rendering whose subject, joints and pattern are found without error."""
    seen = Seen(rendering.mask, rendering.keypoints, pattern or triple.identity.pattern)
    return measure(rendering.image, triple, seen, **given)


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


@pytest.mark.parametrize("kind", CONFLICTS)
def test_the_truth_is_a_success_and_the_references_looks_are_none(asked, kind):
    for triple in ask(asked, kind):
        assert measure_true(triple.truth, triple)[SUCCESS[kind].name] == 1
        before = triple.shown.identity
        unchanged = world.render(before, triple.pose, triple.scene)
        ignored = measure_true(unchanged, triple, pattern=before.pattern)
        assert ignored[SUCCESS[kind].name] == (kind == "agree")  # where nothing may change


def test_a_right_pattern_in_wrong_colours_is_named_but_no_success(asked):
    (triple,) = ask(asked[:1], "pattern")
    inverted = replace(triple.truth, image=255 - triple.truth.image)
    values = measure_true(inverted, triple)
    assert values["pattern_named"] == 1 and values["pattern_success"] == 0


def test_two_changes_are_a_success_only_together(asked):
    (triple,) = ask(asked[:1], "two")
    values = measure_true(triple.truth, triple, pattern=triple.shown.identity.pattern)
    assert values["color_success"] == 1 and values["pattern_named"] == values["both_success"] == 0
    assert values["color_followed"] == 1 and values["both_followed"] == 0


def test_every_success_is_a_measure():
    assert set(SUCCESS.values()) <= set(MEASURES) and set(SUCCESS) == {"plain", *CONFLICTS}


@pytest.mark.parametrize("kind", FOLLOWED)
def test_what_the_prompt_says_may_be_shown_without_a_success(asked, kind):
    """All colours are off in a direction that nobody asked for."""
    (triple,) = ask(asked[:1], kind)
    before = world.render(triple.shown.identity, triple.pose, triple.scene)
    change = (triple.truth.image.astype(float) - before.image)[triple.truth.mask].mean(0)
    aside = np.cross(change, (1.0, 1.0, 1.0))
    elsewhere = replace(triple.truth, image=triple.truth.image + 120 * aside / np.linalg.norm(aside))
    values = measure_true(elsewhere, triple)
    assert values[FOLLOWED[kind].name] == 1 and values[SUCCESS[kind].name] == 0
