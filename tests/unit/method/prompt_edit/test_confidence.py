"""Confidence: a word is believed that changes the subject more than the background, and that the reference does not show yet."""

from __future__ import annotations

import pytest
import torch

from seal_sdk.method.prompt_edit.answer import Answer
from seal_sdk.method.prompt_edit.confidence import (
    edit_confidence,
    interior_ratio,
    pattern_confidence,
    relative_error,
    subject_to_background_ratio,
)

SHAPE = (1, 4, 8, 8)


def answer(subject, inside, outside=0.0, base=0.0):
    """The word changes each channel by so much inside and outside of the subject."""
    base = torch.full(SHAPE, base)
    return Answer(base + inside * subject + outside * (1 - subject), base)


def test_the_change_is_what_the_word_adds(subject):
    assert torch.equal(answer(subject, 3.0, -1.0, base=5.0).change, (4 * subject - 1).expand(SHAPE))


@pytest.mark.parametrize(("inside", "confidence"), [(0.1, 0), (0.2, 0), (0.25, 0.25), (0.3, 0.5), (0.4, 1), (0.6, 1)])
def test_confidence_grows_with_the_subject_to_background_ratio(subject, inside, confidence):
    given = answer(subject, inside, 0.2)
    assert float(subject_to_background_ratio(given.change, subject)) == pytest.approx(inside / 0.2, rel=1e-4)
    assert float(edit_confidence(given.base, subject, subject, given)) == pytest.approx(confidence, abs=1e-4)


@pytest.mark.parametrize(
    ("shown", "error", "confidence"),
    [(-1, 3, 1), (0, 1, 1), (0.5, 0, 1), (0.75, -0.5, 1), (0.875, -0.75, 0.5), (1, -1, 0), (2, -3, 0)],
)
def test_a_word_that_the_reference_shows_already_has_none(subject, shown, error, confidence):
    """shown: where the reference lies between what the model predicts without the word (0) and with it (1)."""
    given = answer(subject, 0.4, base=0.3)
    latents = given.base + shown * given.change
    assert float(relative_error(latents, subject, given)) == pytest.approx(error, abs=1e-4)
    assert float(edit_confidence(latents, subject, subject, given)) == pytest.approx(confidence, abs=1e-4)


def test_only_what_the_word_speaks_of_tells_whether_the_reference_shows_it(subject):
    """A blue coat is no less blue because the trousers under it are not."""
    given, coat = answer(subject, 1.0), subject.clone()
    coat[..., 4:, :] = 0
    latents = given.base + given.change * coat
    assert float(edit_confidence(latents, subject, coat, given)) == 0
    assert float(edit_confidence(latents, subject, subject - coat, given)) == 1


@pytest.mark.parametrize("covered", [0.0, 1.0])
def test_no_change_no_subject_and_no_mask_have_none(subject, covered):
    nothing, whole = answer(subject, 0.0), torch.full((1, 1, 8, 8), covered)
    assert float(edit_confidence(torch.randn(SHAPE), whole, whole, nothing)) == 0
    assert float(edit_confidence(torch.zeros(SHAPE), torch.zeros_like(whole), whole, answer(subject, 1.0))) == 0


def test_a_subject_that_fills_the_image_has_no_background_to_be_compared_with():
    whole = torch.ones(1, 1, 8, 8)
    given = answer(whole, 1.0)
    assert float(edit_confidence(given.base, whole, whole, given)) == 1


@pytest.mark.parametrize(("around", "confidence"), [(0.1, 1), (0.5, 1), (1 / 1.7, 0.5), (1 / 1.4, 0), (1, 0), (3, 0)])
def test_a_pattern_changes_the_inside_more_than_what_is_around_it(subject, around, confidence):
    stripes = torch.where(torch.arange(8) % 2 == 0, -1.0, 1.0) * (subject + around * (1 - subject))
    given = Answer(stripes.expand(SHAPE), torch.zeros(SHAPE))
    assert float(interior_ratio(given.change, subject)) == pytest.approx(1 / around, rel=1e-4)
    assert float(pattern_confidence(given.base, subject, subject, given)) == pytest.approx(confidence, abs=1e-4)


@pytest.mark.parametrize(("colour", "shown", "confidence"), [(0.0, 1, 0), (3.0, 1, 0), (0.0, 0, 1), (3.0, -1, 1)])
def test_a_pattern_that_the_reference_shows_already_has_none_in_whatever_colour(subject, colour, shown, confidence):
    stripes = torch.where(torch.arange(8) % 2 == 0, -1.0, 1.0) * subject
    given = Answer(stripes.expand(SHAPE), torch.zeros(SHAPE))
    latents = colour + shown * given.edited
    assert float(pattern_confidence(latents, subject, subject, given)) == pytest.approx(confidence, abs=1e-4)


def test_without_an_inside_or_anything_around_it_no_pattern_is_believed(subject):
    thin, whole = torch.zeros_like(subject), torch.ones_like(subject)
    thin[..., 3:5, :] = 1.0
    assert float(interior_ratio(answer(thin, 1.0).change, thin)) == 0
    assert float(interior_ratio(answer(whole, 1.0).change, whole)) == 0
