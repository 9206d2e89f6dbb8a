"""The pattern namer names the patterns of the world, and can be trained."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from seal_sdk.errors import WeightsNotFound
from seal_sdk.evaluation.networks.patterns import WEIGHTS, PatternNamer, load_pattern_namer, name_pattern
from seal_sdk.evaluation.training.patterns import accuracy, photos, train
from seal_sdk.pocket import world

CLEAN, AUGMENTED = 0.92, 0.88  # on 454 photos: 0.960 and 0.941


@pytest.fixture(scope="module")
def namer() -> PatternNamer:
    return load_pattern_namer()


def test_the_network_is_as_accurate_as_it_says(namer):
    held = photos(range(450_000, 450_100))
    assert accuracy(namer, held) >= CLEAN
    assert accuracy(namer, held, augmented=True) >= AUGMENTED


def test_it_names_the_same_subject_by_the_pattern_that_it_wears(namer):
    named = []
    for seed in range(450_000, 450_010):
        sample = world.sample(seed)
        for pattern in ("plain", "striped", "spotted"):  # no pose hides these
            shown = world.render(replace(sample.identity, pattern=pattern), sample.pose, sample.scene)
            named.append(name_pattern(namer, shown.image, shown.mask) == pattern)
    assert np.mean(named) >= CLEAN


def test_the_scene_and_the_size_of_the_picture_do_not_matter(namer):
    sample = world.sample(450_001)
    small, large = (world.render(sample.identity, sample.pose, sample.scene, size=size) for size in (128, 256))
    assert name_pattern(namer, large.image, large.mask) == name_pattern(namer, small.image, small.mask)
    pictures = torch.rand(2, 3, 128, 128) * 2 - 1
    mask = torch.from_numpy(small.mask).float().expand(2, -1, -1)
    pictures[1] = torch.where(mask[1] > 0, pictures[0], pictures[1])  # another scene around the same subject
    with torch.inference_mode():
        first, second = namer(pictures, mask)
    assert torch.allclose(first, second, atol=1e-5)


def test_the_weights_are_small():
    assert WEIGHTS.stat().st_size <= 600_000


def test_training_is_repeatable_and_teaches_something():
    data = photos(range(16))
    first, again, other = (train(data, steps=2, batch=4, seed=seed) for seed in (0, 0, 1))
    weights = [torch.cat([each.flatten() for each in model.state_dict().values()]) for model in (first, again, other)]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])
    assert accuracy(train(data, steps=60, batch=8), data) > accuracy(first, data)


def test_missing_weights_say_how_to_make_them(tmp_path):
    with pytest.raises(WeightsNotFound, match=r"training\.patterns"):
        load_pattern_namer(tmp_path / "none.safetensors")
