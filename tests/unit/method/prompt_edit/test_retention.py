"""Retention: how much of each token a prompt edit leaves."""

from __future__ import annotations

import torch

from seal_sdk.method.prompt_edit.retention import token_retention


def test_retention_is_the_share_of_the_subject_that_is_not_edited():
    subject, edit_mask = torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 4, 4)
    subject[..., :2, :] = 1.0  # the upper two of four tokens
    edit_mask[..., :2, 0] = 1.0  # half of the first
    edit_mask[..., 2:, :] = 1.0  # outside of the subject it does not count
    assert torch.allclose(token_retention(edit_mask, subject, (2, 2)), torch.tensor([0.5, 1.0, 1.0, 1.0]))
