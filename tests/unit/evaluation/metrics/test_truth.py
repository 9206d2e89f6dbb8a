"""Metrics against the ground truth: each sees its own kind of error and no other."""

from __future__ import annotations

import numpy as np
import pytest

from seal_sdk.evaluation.metrics import truth as metrics
from seal_sdk.evaluation.metrics.truth import METRICS, scores
from seal_sdk.evaluation.questions.triples import Triple, triples


@pytest.fixture(scope="module")
def triple() -> Triple:
    return next(triples([400_000], ("mesh",)))


def test_the_truth_itself_scores_perfectly(triple):
    values = scores(triple.truth.image, triple.truth, triple.truth.mask)
    assert set(values) == {metric.name for metric in METRICS}
    assert values.pop("structure_iou") == 1.0
    assert all(value == 0.0 for value in values.values())


def test_a_recoloured_subject_has_its_colours_error_and_no_pattern_error(triple):
    truth = triple.truth
    image = np.clip(truth.image.astype(int), 0, 200).astype(np.uint8)
    darker = np.where(truth.mask[..., None], image + np.array([40, 20, 0], np.uint8), image)
    assert metrics.subject_error(darker, image, truth.mask) == pytest.approx(20)
    assert metrics.color_error(darker, image, truth.mask) == pytest.approx(20)
    assert metrics.part_color_error(darker, image, truth.parts) == pytest.approx(20)
    assert metrics.pattern_error(darker, image, truth.parts) == pytest.approx(0, abs=1e-9)
    assert metrics.scene_error(darker, image, truth.mask) == 0


def test_colour_errors_are_blind_to_where_the_colours_are(triple):
    truth = triple.truth
    shuffled = truth.image.copy()
    shuffled[truth.mask] = np.random.default_rng(0).permutation(truth.image[truth.mask])
    assert metrics.color_error(shuffled, truth.image, truth.mask) == pytest.approx(0, abs=1e-9)
    assert metrics.subject_error(shuffled, truth.image, truth.mask) > 10
    assert metrics.part_color_error(shuffled, truth.image, truth.parts) > 5
    assert metrics.pattern_error(shuffled, truth.image, truth.parts) > 10


def test_iou_of_a_shifted_square():
    mask = np.zeros((20, 20), bool)
    mask[5:15, 5:15] = True
    assert metrics.iou(np.roll(mask, 5, 1), mask) == pytest.approx(1 / 3)
    assert metrics.iou(np.zeros_like(mask), mask) == 0
    assert metrics.iou(np.zeros_like(mask), np.zeros_like(mask)) == 1


def test_scene_error_sees_the_scenes_colours_but_not_its_details_nor_the_subject(triple):
    truth = triple.truth
    brighter = truth.image.astype(int) + 30
    assert metrics.scene_error(brighter, truth.image, truth.mask) == pytest.approx(30)
    checks = np.where(np.add.outer(np.arange(128), np.arange(128)) % 2, 30, -30)[..., None]
    assert metrics.scene_error(truth.image + checks, truth.image, truth.mask) < 2
    gone = np.where(truth.mask[..., None], 0, truth.image)
    assert metrics.scene_error(gone, truth.image, truth.mask) == 0


def test_dilation_grows_by_the_radius():
    mask = np.zeros((9, 9), bool)
    mask[4, 4] = True
    assert metrics.dilate(mask, 2).sum() == 25
    assert metrics.dilate(mask, 0).sum() == 1


def test_a_picture_of_another_size_is_refused(triple):
    with pytest.raises(ValueError, match="64"):
        scores(np.zeros((64, 64, 3), np.uint8), triple.truth, np.zeros((64, 64), bool))
