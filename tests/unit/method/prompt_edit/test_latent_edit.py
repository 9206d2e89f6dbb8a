"""An edit that speaks of the subject changes its latents; one that speaks of the scene does not."""

from __future__ import annotations

import pytest
import torch

from seal_sdk.method.prompt_edit.edit_mask import MAX_SAMPLES, edit_mask, edit_response, prompt_affinity
from seal_sdk.method.prompt_edit.latent_edit import MAX_PULL, PULL, latent_edit
from seal_sdk.method.prompt_edit.predictions import PromptPredictions

SHAPE = (1, 4, 8, 8)


@pytest.fixture
def region():
    region = torch.zeros(1, 1, 8, 8)
    region[..., 2:6, 2:6] = 1.0
    return region


@pytest.fixture
def left(region):
    left = torch.zeros_like(region)
    left[..., 2:6, 2:4] = 1.0
    return left


def direction(channel):
    unit = torch.zeros(1, 4, 1, 1)
    unit[:, channel] = 1.0
    return unit


def uniform(region, subject, scene):
    """Predictions that differ by these amounts in subject and scene."""
    torch.manual_seed(0)
    reference = torch.randn(SHAPE)
    edited = reference + subject * region + scene * (1 - region)
    return PromptPredictions(reference, torch.zeros(SHAPE), edited)


def striped(region, left, response):
    """Latents and predictions of a coat with two looks; the edit replaces the one on the left.

    response: how much of the change also shows on the right, where it does not belong.
    """
    latents = direction(0) * left + direction(2) * (region - left)
    reference = (direction(0) * region).expand(SHAPE)
    edited = reference + direction(1) * (left + response * (region - left))
    return latents, region, PromptPredictions(reference, torch.zeros(SHAPE), edited)


@pytest.mark.parametrize("amounts", [dict(subject=0.3, scene=0.5), dict(subject=0.0, scene=0.0)])
def test_another_scene_or_no_effect_changes_nothing_of_the_subject(region, amounts):
    change, mask = latent_edit(torch.randn(SHAPE), region, uniform(region, **amounts))
    assert not change.any() and not mask.any()


def test_of_two_looks_the_named_one_changes(region, left):
    change, mask = latent_edit(*striped(region, left, response=0.3))
    assert mask[left > 0].min() > 0.9 and mask[(region - left) > 0].max() < 0.7
    assert not (change * (1 - region)).any()
    wanted = change[:, 1:2][left > 0]
    assert wanted.min() > 0.8 and torch.allclose(wanted, wanted[0].expand(8))


def test_affinity_and_response_are_higher_on_the_named_look(region, left):
    latents, _, predictions = striped(region, left, response=0.3)
    right = region - left
    affinity = prompt_affinity(latents, region, predictions)
    response = edit_response(predictions.change, region)
    assert affinity[left > 0].min() > affinity[right > 0].max() and 0 <= affinity.min() <= affinity.max() <= 1
    assert response[left > 0].min() > response[right > 0].max() and response.min() >= 0


def test_the_models_response_tells_which_look_is_named(region, left):
    shares = [
        float(latent_edit(*striped(region, left, response))[1][(region - left) > 0].max()) for response in (0.1, 0.5, 1)
    ]
    assert shares == sorted(shares) and shares[0] < 0.5 * shares[2]


def test_a_subject_of_one_look_changes_everywhere_by_the_same(region):
    reference = (direction(0) * region).expand(SHAPE)
    edited = reference + 0.5 * direction(1) * region
    predictions = PromptPredictions(reference, torch.zeros(SHAPE), edited)
    change, mask = latent_edit(direction(0) * region, region, predictions)
    assert torch.allclose(mask, region, atol=1e-4)
    difference = remaining = 0.5 * direction(1)  # of the predictions, and from the latents to the edited one
    assert torch.allclose(change, (difference + PULL * remaining) * region, atol=1e-4)


def test_the_pull_adds_at_most_half_of_the_change(region):
    """A subject that is far from what the model draws for its prompt stays as it is."""
    reference = torch.zeros(SHAPE)
    edited = 0.1 * direction(1).expand(SHAPE) * region
    change, _ = latent_edit(100 * direction(2) * region, region, PromptPredictions(reference, reference, edited))
    assert torch.linalg.vector_norm(change[:, :, 3, 3]) == pytest.approx(0.1 * (1 + MAX_PULL**2) ** 0.5, rel=0.05)


def test_latents_that_look_alike_share_the_mask(region, left):
    """Noise in the predictions does not make the mask patchy."""
    torch.manual_seed(0)
    latents, _, predictions = striped(region, left, response=0.0)
    noisy = predictions.edited + 0.3 * torch.rand(1, 1, 8, 8) * direction(1) * region
    predictions = PromptPredictions(predictions.reference, predictions.unconditional, noisy)
    mask = edit_mask(latents, region, predictions)[left > 0]
    assert torch.allclose(mask, mask[0].expand(8), atol=1e-3)


@pytest.mark.parametrize("region", [torch.zeros(1, 1, 8, 8), torch.ones(1, 1, 8, 8)])
def test_no_subject_and_nothing_but_the_subject_stay_finite(region):
    latents, reference, unconditional, edited = torch.randn(4, *SHAPE)
    predictions = PromptPredictions(reference, unconditional, edited)
    for each in latent_edit(latents, region, predictions):
        assert torch.isfinite(each).all()
    assert not latent_edit(latents, torch.zeros_like(region), predictions)[0].any()


def test_a_subject_of_more_latents_than_are_sampled_changes_everywhere():
    region = torch.ones(1, 1, 48, 48)
    region[..., :8, :] = 0
    reference = (direction(0) * region).expand(1, 4, 48, 48)
    predictions = PromptPredictions(reference, torch.zeros_like(reference), reference + direction(1) * region)
    _, mask = latent_edit(reference, region, predictions)
    assert int(region.sum()) > MAX_SAMPLES and torch.allclose(mask, region, atol=1e-3)
