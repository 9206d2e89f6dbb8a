"""A word that speaks of the subject changes the latents that it names, by one direction; one that speaks of the scene changes none."""

from __future__ import annotations

import pytest
import torch

from seal_sdk.method.prompt_edit.answer import Answer
from seal_sdk.method.prompt_edit.edit_mask import MAX_SAMPLES, colour_response, edit_mask, pattern_response
from seal_sdk.method.prompt_edit.latent_edit import ADDED, REPLACED, colour_edit, edit_latents

SHAPE = (1, 4, 8, 8)


@pytest.fixture
def left(subject):
    left = torch.zeros_like(subject)
    left[..., 2:6, 2:4] = 1.0
    return left


def unit(channel):
    one = torch.zeros(1, 4, 1, 1)
    one[:, channel] = 1.0
    return one


def striped(subject, left, response):
    """Latents of a coat with two looks, and a word for the left one. response: how much of its change also shows on the right."""
    latents = unit(0) * left + unit(2) * (subject - left)
    return latents, Answer(latents + unit(1) * (left + response * (subject - left)), latents)


def test_a_subject_of_one_look_changes_everywhere_by_the_same(subject):
    """From latents to the edited prediction, and beyond it."""
    latents, base = unit(0) * subject, 0.8 * unit(0) * subject
    direction, mask = colour_edit(latents, subject, Answer(base + 0.5 * unit(1) * subject, base))
    assert torch.allclose(mask, subject, atol=1e-5)
    assert torch.allclose(direction, -0.2 * unit(0) + 0.5 * (1 + ADDED.contrast) * unit(1), atol=1e-5)


@pytest.mark.parametrize("inside", [0.0, 0.3, 0.5])
def test_a_word_about_the_scene_changes_nothing(subject, inside):
    torch.manual_seed(0)
    latents = torch.randn(SHAPE)
    _, mask = colour_edit(latents, subject, Answer(latents + inside * subject + 0.5 * (1 - subject), latents))
    assert not mask.any()


def test_a_word_that_the_reference_agrees_with_changes_nothing(subject):
    latents = (unit(1) * subject).expand(SHAPE)
    assert not colour_edit(latents, subject, Answer(latents, torch.zeros(SHAPE)))[1].any()
    assert colour_edit(torch.zeros(SHAPE), subject, Answer(latents, torch.zeros(SHAPE)))[1].max() > 0.99


@pytest.mark.parametrize(("response", "right"), [(0.0, 0.0), (0.1, 0.0), (0.3, 0.1293), (0.5, 0.5118), (1.0, 1.0)])
def test_of_two_looks_the_named_one_changes(subject, left, response, right):
    """right: (s (1 + s) / (1 + s^2) - 0.6) / 0.4 where s is the root of the response."""
    latents, answer = striped(subject, left, response)
    direction, mask = colour_edit(latents, subject, answer)
    assert torch.allclose(mask, left + right * (subject - left), atol=1e-3)
    changed = (1 + right * response) / (1 + right)  # mean change of what is masked
    assert torch.allclose(direction, (1 + ADDED.contrast) * changed * unit(1), atol=4e-3)


def test_the_response_is_the_change_along_its_mean(subject, left):
    change = unit(1) * subject + unit(3) * (2 * left - subject)  # the second cancels over the subject
    assert torch.allclose(colour_response(change, subject), subject, atol=1e-6)
    assert not colour_response(torch.zeros(SHAPE), subject).any()
    against = unit(1) * (subject - 1.5 * (subject - left))  # 1 on the left, -0.5 on the right
    assert torch.allclose(colour_response(against, subject), left, atol=1e-6)


def test_latents_that_look_alike_share_the_mask(subject, left):
    """Noise in the predictions does not make the mask patchy."""
    torch.manual_seed(0)
    latents, answer = striped(subject, left, 0.0)
    change = answer.change * (0.7 + 0.6 * torch.rand(1, 1, 8, 8))
    mask = edit_mask(latents, subject, colour_response(change, subject))
    assert torch.allclose(mask, left, atol=1e-3)


def test_a_soft_outline_takes_its_share(subject):
    soft = subject * 0.5
    _, mask = colour_edit(unit(0) * subject, soft, Answer(unit(1) * subject, torch.zeros(SHAPE)))
    assert torch.allclose(mask, soft, atol=1e-4)


def test_nothing_but_the_subject_and_no_subject():
    torch.manual_seed(0)
    latents, base, whole = torch.zeros(SHAPE), torch.randn(SHAPE), torch.ones(1, 1, 8, 8)
    direction, mask = colour_edit(latents, whole, Answer(base + unit(1), base))
    assert torch.allclose(mask, whole, atol=1e-4)
    assert torch.allclose(direction, base.mean((2, 3), keepdim=True) + (1 + ADDED.contrast) * unit(1), atol=1e-4)
    direction, mask = colour_edit(latents, torch.zeros_like(whole), Answer(base + unit(1), base))
    assert not direction.any() and not mask.any()


def test_a_subject_of_more_latents_than_are_sampled_changes_everywhere():
    subject = torch.ones(1, 1, 48, 48)
    subject[..., :8, :] = 0
    latents = (unit(0) * subject).expand(1, 4, 48, 48)
    _, mask = colour_edit(latents, subject, Answer(latents + unit(1) * subject, latents))
    assert int(subject.sum()) > MAX_SAMPLES and torch.allclose(mask, subject, atol=1e-3)


def test_two_words_change_their_own_parts(subject, left):
    """Blue on the left, and shiny on the right."""
    right = subject - left
    latents, blue = striped(subject, left, 0.0)
    shiny = Answer(latents + unit(3) * right, latents)
    edit = edit_latents(latents, subject, [blue, shiny])
    assert torch.allclose(edit.recoloured, subject, atol=1e-3) and not edit.redrawn.any()
    assert torch.allclose(edit.change, (1 + ADDED.contrast) * (unit(1) * left + unit(3) * right), atol=1e-2)


def test_where_two_words_overlap_they_share_the_change(subject):
    latents = unit(0) * subject
    answers = [Answer(latents + unit(channel) * subject, latents) for channel in (1, 3)]
    edit = edit_latents(latents, subject, answers)
    assert torch.allclose(edit.recoloured, subject, atol=1e-4)
    assert torch.allclose(edit.change, (1 + ADDED.contrast) / 2 * (unit(1) + unit(3)) * subject, atol=1e-3)


def test_a_word_about_the_scene_does_not_thin_out_one_about_the_subject(subject):
    latents = unit(0) * subject
    blue, beach = Answer(latents + unit(1) * subject, latents), Answer(latents + unit(2) * (1 - subject), latents)
    alone, together = edit_latents(latents, subject, [blue]), edit_latents(latents, subject, [blue, beach])
    assert torch.equal(alone.change, together.change) and alone.change.any()
    assert torch.equal(alone.recoloured, together.recoloured) and alone.recoloured.any()


def test_a_word_that_replaces_the_references_own_needs_no_other_proof(subject):
    """Not compared with the image, and shorter: the two predictions differ by more."""
    latents = (unit(1) * subject).expand(SHAPE)
    direction, mask = colour_edit(latents, subject, Answer(latents, torch.zeros(SHAPE), replaces=True))
    assert torch.allclose(mask, subject, atol=1e-4)
    assert torch.allclose(direction, (REPLACED.contrast * latents[..., 3:4, 3:4]), atol=1e-3)


def test_a_pattern_is_drawn_anew_where_it_changes(subject, left):
    """Its change has several directions, so that their mean says nothing of it."""
    torch.manual_seed(0)
    latents = unit(0) * left + unit(2) * (subject - left)
    change = torch.nn.functional.normalize(torch.randn(SHAPE), dim=1) * left
    edit = edit_latents(latents, subject, [Answer(latents + change, latents)])
    assert torch.allclose(edit.redrawn, left, atol=1e-3)
    assert not edit.change.any() and not edit.recoloured.any()


def test_a_change_of_shape_leaves_the_pattern(subject):
    """What changes around the subject as much as inside it is its outline."""
    torch.manual_seed(0)
    change = torch.nn.functional.normalize(torch.randn(SHAPE), dim=1)
    edit = edit_latents(torch.zeros(SHAPE), subject, [Answer(change, torch.zeros(SHAPE))])
    assert not edit.redrawn.any() and not edit.change.any()


def test_the_length_of_a_patterns_change_is_its_response(left):
    change = 3 * unit(0) * left + 4 * unit(3) * left
    assert torch.allclose(pattern_response(change), 5 * left)
