"""The segmenter finds the subjects of the world, and can be trained."""

from __future__ import annotations

import numpy as np
import pytest

from seal_sdk.errors import WeightsNotFound
from seal_sdk.evaluation.metrics.truth import iou
from seal_sdk.evaluation.networks.segmenter import Segmenter, load_segmenter, subject_mask
from seal_sdk.evaluation.training.segmenter import mean_iou, photos, train
from seal_sdk.pocket import world


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return load_segmenter()


def test_the_segmenter_finds_true_subjects(segmenter):
    validation = [world.sample(seed) for seed in range(450_000, 450_024)]
    renderings = [world.render(each.identity, each.pose, each.scene) for each in validation]
    found = [iou(subject_mask(segmenter, each.image), each.mask) for each in renderings]
    assert np.mean(found) > 0.9


def test_the_segmenter_sees_other_sizes_too(segmenter):
    sample = world.sample(450_000)
    large = world.render(sample.identity, sample.pose, sample.scene, size=256)
    assert iou(subject_mask(segmenter, large.image), large.mask) > 0.9


def test_a_few_steps_teach_the_segmenter_something():
    pictures, masks = photos(range(8))
    taught = train(pictures, masks, steps=10, batch=4)
    assert mean_iou(taught, pictures, masks) > mean_iou(Segmenter().eval(), pictures, masks)


def test_missing_weights_say_how_to_make_them(tmp_path):
    with pytest.raises(WeightsNotFound, match=r"training\.segmenter"):
        load_segmenter(tmp_path / "none.safetensors")
