"""Noise levels: what a prediction says about the clean latents, for all prediction types."""

from __future__ import annotations

import pytest
import torch

from seal_sdk.errors import UnsupportedModel
from seal_sdk.method.noise_level import NoiseLevel

LEVELS = {
    "epsilon": NoiseLevel(0.6, 0.8, "epsilon"),
    "v_prediction": NoiseLevel(0.6, 0.8, "v_prediction"),
    "sample": NoiseLevel(0.6, 0.8, "sample"),
    "flow": NoiseLevel(0.7, 0.3, "flow"),
}
TARGETS = {  # what a perfect model predicts, from its definition
    "epsilon": lambda clean, epsilon: epsilon,
    "v_prediction": lambda clean, epsilon: 0.6 * epsilon - 0.8 * clean,
    "sample": lambda clean, epsilon: clean,
    "flow": lambda clean, epsilon: epsilon - clean,
}
kinds = pytest.mark.parametrize("kind", LEVELS)


@pytest.fixture
def tensors():
    torch.manual_seed(0)
    return torch.randn(3, 2, 4, 8, 8, dtype=torch.float64)


@kinds
def test_a_perfect_prediction_implies_the_clean_latents(kind, tensors):
    clean, epsilon, _ = tensors
    level = LEVELS[kind]
    assert torch.allclose(level.clean(TARGETS[kind](clean, epsilon), level.add_noise(clean, epsilon)), clean)


@kinds
def test_a_steered_prediction_implies_the_changed_latents(kind, tensors):
    prediction, noisy, change = tensors
    level = LEVELS[kind]
    steered = level.steer(prediction, change)
    assert torch.allclose(level.clean(steered, noisy), level.clean(prediction, noisy) + change)


@pytest.mark.parametrize(
    ("kind", "clean", "steered"),
    [
        ("epsilon", (2.0 - 0.8 * 0.5) / 0.6, 0.5 - 0.25 * 0.6 / 0.8),
        ("v_prediction", 0.6 * 2.0 - 0.8 * 0.5, 0.5 - 0.25 / 0.8),
        ("sample", 0.5, 0.75),
        ("flow", 2.0 - 0.3 * 0.5, 0.5 - 0.25 / 0.3),
    ],
)
def test_values_by_hand(kind, clean, steered):
    prediction, noisy, change = (torch.full((1, 1, 1, 1), value, dtype=torch.float64) for value in (0.5, 2.0, 0.25))
    assert float(LEVELS[kind].clean(prediction, noisy)) == pytest.approx(clean, rel=1e-12)
    assert float(LEVELS[kind].steer(prediction, change)) == pytest.approx(steered, rel=1e-12)


def test_noise_is_added_by_the_level_and_none_only_scales(tensors):
    clean, epsilon, _ = tensors
    level = LEVELS["epsilon"]
    assert torch.equal(level.add_noise(clean, epsilon), clean * 0.6 + epsilon * 0.8)
    assert torch.equal(level.add_noise(clean, None), clean * 0.6)


def test_a_level_of_an_alpha_bar_has_its_roots():
    assert NoiseLevel.from_alpha_bar(0.25, "epsilon") == NoiseLevel(0.5, 0.75**0.5, "epsilon")
    assert NoiseLevel.from_alpha_bar(1.0, "sample") == NoiseLevel(1.0, 0.0, "sample")


def test_other_prediction_types_are_refused(tensors):
    level = NoiseLevel(0.6, 0.8, "score")
    with pytest.raises(UnsupportedModel, match="'score'"):
        level.clean(tensors[0], tensors[1])
    with pytest.raises(UnsupportedModel, match="'score'"):
        level.steer(tensors[0], tensors[1])
