"""Leakage of the reference's scene."""

from __future__ import annotations

import numpy as np
import pytest

from seal_sdk.evaluation.metrics.leakage import leakage


def test_leakage_grows_with_the_references_share_of_the_scene():
    truth, reference = np.full((64, 64, 3), 40, np.uint8), np.full((64, 64, 3), 140, np.uint8)
    nobody = np.zeros((64, 64), bool)
    shares = [leakage((1 - s) * truth + s * reference, truth, reference, nobody) for s in (0.0, 0.25, 1.0)]
    assert shares == pytest.approx([0, 25, 100])
    assert leakage(truth, truth, truth, nobody) == 0 == leakage(truth, truth, reference, ~nobody)
    subject = nobody.copy()
    subject[20:40, 20:40] = True
    assert leakage(np.where(subject[..., None], reference, truth), truth, reference, subject) == 0
