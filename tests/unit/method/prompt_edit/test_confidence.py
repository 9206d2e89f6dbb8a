"""Edit confidence: an edit that changes the subject more than the background is believed."""

from __future__ import annotations

import pytest
import torch

from seal_sdk.method.prompt_edit.confidence import (
    FULL_RATIO,
    MIN_RATIO,
    edit_confidence,
    subject_to_background_ratio,
)


def test_confidence_grows_with_the_subject_to_background_ratio():
    subject, found = torch.zeros(1, 1, 8, 8), []
    subject[..., 2:6, 2:6] = 1.0
    for size in (0.1, 0.25, 0.3, 0.6):
        change = (size * subject + 0.2 * (1 - subject)).expand(1, 4, 8, 8)
        assert subject_to_background_ratio(change, subject) == pytest.approx(size / 0.2, rel=1e-4)
        found.append(float(edit_confidence(change, subject)))
    assert found[0] == 0 and 0 < found[1] < found[2] < 1 and found[3] == 1
    assert MIN_RATIO < FULL_RATIO


def test_no_change_has_no_confidence():
    assert edit_confidence(torch.zeros(1, 4, 8, 8), torch.ones(1, 1, 8, 8)) == 0
