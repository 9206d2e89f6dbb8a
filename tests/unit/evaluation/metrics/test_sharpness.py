"""Sharpness against the truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from seal_sdk.evaluation.metrics.sharpness import neighbour_difference, sharpness
from seal_sdk.evaluation.metrics.truth import box_sums


def test_only_neighbours_of_the_same_part_are_compared():
    picture = np.zeros((2, 4, 3), np.uint8)
    picture[:, 1], picture[:, 2:] = 10, 90
    parts = np.array([[1, 1, 2, 0], [1, 1, 2, 0]])
    assert neighbour_difference(picture, parts) == (10 + 10) / (2 + 3)  # two pairs across, three down
    assert neighbour_difference(picture, np.zeros((2, 4), bool)) == 0


def test_a_blurred_subject_is_less_sharp_and_noise_is_sharper(asked):
    truth = asked[0].truth
    blurred = box_sums(truth.image.astype(float), 1) / 9
    noise = np.random.default_rng(0).normal(0, 20, truth.image.shape)
    assert sharpness(truth.image, truth) == 0
    assert sharpness(blurred, truth) < -1 and sharpness(truth.image + noise, truth) > 5
    elsewhere = np.where(truth.mask[..., None], truth.image, 0)
    assert sharpness(elsewhere, replace(truth, image=truth.image)) == 0  # the scene does not count
