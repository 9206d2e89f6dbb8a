"""Colour and scene: whether the prompt is followed and nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest

from seal_sdk.evaluation.metrics.prompt_following import color_scores
from seal_sdk.pocket import world


def before(triple):
    return world.render(world.sample(triple.seed).identity, triple.pose, triple.scene)


def test_the_truth_follows_the_text_and_the_reference_does_not(conflicting):
    for triple in conflicting:
        followed = color_scores(triple.truth.image, triple.truth, before(triple))
        assert followed == pytest.approx(
            {"color_change": 1, "color_rest": 0, "color_followed": 1, "color_success": 1}, abs=1e-9
        )
        ignored = color_scores(before(triple).image, triple.truth, before(triple))
        assert ignored == pytest.approx(
            {"color_change": 0, "color_rest": 0, "color_followed": 0, "color_success": 0}, abs=1e-9
        )


def test_half_a_change_is_half_and_an_unasked_one_is_no_success(conflicting):
    triple = conflicting[0]
    old, new = before(triple).image.astype(float), triple.truth.image.astype(float)
    half = color_scores((old + new) / 2, triple.truth, before(triple))
    assert half["color_change"] == pytest.approx(0.5) and half["color_rest"] == pytest.approx(0, abs=1e-9)
    lost = color_scores(np.full_like(new, 255) - new, triple.truth, before(triple))
    assert lost["color_rest"] > 32 and lost["color_success"] == 0
