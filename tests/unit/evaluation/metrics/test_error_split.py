"""Where the subject error comes from: hand-made pictures with one mistake each, and the part that names it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from seal_sdk.evaluation.metrics.error_split import SOURCES, shown_by, split_error
from seal_sdk.evaluation.metrics.truth import box_sums, subject_error
from seal_sdk.pocket.world import Rendering

SIDE = 48
TORSO, HEAD = 1, 2


def subject(image: np.ndarray) -> Rendering:
    """A square subject, its upper third the head, at rest where it is seen."""
    mask = np.zeros((SIDE, SIDE), bool)
    mask[8:40, 8:40] = True
    parts = np.where(mask, TORSO, 0).astype(np.uint8)
    parts[8:18, 8:40] = HEAD
    place = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE)), -1) / SIDE
    coordinates = np.where(mask[..., None], place, np.nan).astype(np.float32)
    return Rendering(image, mask, (8.0, 8.0, 40.0, 40.0), parts, np.zeros((1, 2)), coordinates)


@pytest.fixture
def truth() -> Rendering:
    """With a texture that has no period."""
    noise = np.random.default_rng(0).uniform(40, 200, (SIDE, SIDE, 3))
    return subject((box_sums(noise, 1) / 9).astype(np.uint8))


def split(image: np.ndarray, truth: Rendering, **changed: np.ndarray | Rendering) -> dict[str, float]:
    """The parts, and a check that they add up. Whatever is not given is as it should be."""
    given = {"reference": truth, "through_vae": truth.image, "found": truth.mask} | changed
    parts = split_error(image, truth, **given)
    assert tuple(parts) == SOURCES and min(parts.values()) >= 0
    assert sum(parts.values()) == pytest.approx(subject_error(image, truth.image, truth.mask))
    return parts


def share(parts: dict[str, float], source: str) -> float:
    """Of the error, in [0, 1]."""
    return parts[source] / sum(parts.values())


def brighter(truth: Rendering, by: int, where: np.ndarray) -> np.ndarray:
    """The truth's image with some pixels brighter."""
    return np.where(where[..., None], truth.image + by, truth.image).astype(np.uint8)


def test_the_truth_itself_has_no_error(truth):
    assert sum(split(truth.image, truth).values()) == 0


def test_what_the_vae_alone_loses_is_not_laid_to_the_method(truth):
    through_vae = brighter(truth, 6, truth.mask)
    assert share(split(through_vae, truth, through_vae=through_vae), "vae") == 1
    parts = split(brighter(truth, 10, truth.mask), truth, through_vae=through_vae)
    assert parts["vae"] == pytest.approx(6) and parts["color"] == pytest.approx(4)


def test_pixels_that_the_segmenter_sees_as_background_are_silhouette(truth):
    gone = truth.mask & (np.arange(SIDE) < 16)
    parts = split(brighter(truth, 40, gone), truth, found=truth.mask & ~gone)
    assert share(parts, "silhouette") == 1 and parts["silhouette"] == pytest.approx(40 * gone.sum() / truth.mask.sum())


def test_what_the_reference_does_not_show_is_hidden(truth):
    headless = replace(truth, parts=np.where(truth.parts == HEAD, 0, truth.parts).astype(np.uint8))
    parts = split(brighter(truth, 40, truth.mask), truth, reference=headless)
    head = (truth.parts == HEAD).sum() / truth.mask.sum()
    assert parts["hidden"] == pytest.approx(40 * head) and parts["color"] == pytest.approx(40 * (1 - head))


def test_a_part_of_which_the_reference_shows_one_side_is_hidden_on_the_other(truth):
    left = truth.mask & (np.arange(SIDE) < 20)
    half = replace(truth, parts=np.where(left, truth.parts, 0).astype(np.uint8))
    columns = np.flatnonzero(shown_by(half, truth)[30])
    assert (columns[0], columns[-1]) == (8, 21)  # and two pixels beside, `REACH`


def test_a_tint_of_a_part_is_colour(truth):
    tinted = np.where((truth.parts == TORSO)[..., None], truth.image + np.array([30, 0, 12]), truth.image)
    parts = split(tinted.astype(np.uint8), truth)
    assert share(parts, "color") == pytest.approx(1)
    assert parts["color"] == pytest.approx(14 * (truth.parts == TORSO).sum() / truth.mask.sum())


def test_a_part_drawn_beside_its_place_is_misplaced(truth):
    parts = split(np.roll(truth.image, (3, -2), (0, 1)), truth)
    assert share(parts, "place") > 0.6 and share(parts, "place") > 3 * share(parts, "blur")
    far = split(np.roll(truth.image, (9, 9), (0, 1)), truth)
    assert share(far, "place") < 0.3


def test_a_blurred_part_is_blur(truth):
    blurred = box_sums(truth.image.astype(np.float64), 1) / 9
    parts = split(blurred.astype(np.uint8), truth)
    assert share(parts, "blur") > 0.75


def test_another_texture_as_sharp_is_none_of_these(truth):
    other = subject((box_sums(np.random.default_rng(1).uniform(40, 200, (SIDE, SIDE, 3)), 1) / 9).astype(np.uint8))
    parts = split(other.image, truth)
    assert share(parts, "rest") > 0.75 and share(parts, "blur") < 0.15
