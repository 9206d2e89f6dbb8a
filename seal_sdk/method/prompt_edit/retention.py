"""Retention: how much of a reference token's look a prompt edit leaves as it is. Ours.

Cached keys and values still have the look that the prompt has changed, so infusion uses them less there.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from seal_sdk.method.token_masks import Grid


def token_retention(edit_mask: Tensor, subject: Tensor, grid: Grid) -> Tensor:
    """Share of the subject in each token that is not edited, (rows * columns,) in [0, 1]; 1 without any subject.

    edit_mask, subject: (1, 1, h, w) in [0, 1]. grid: (rows, columns) of the tokens.
    """
    edited, whole = (F.interpolate(each, grid, mode="area").flatten() for each in (edit_mask * subject, subject))
    return 1 - edited / whole.clamp(min=1e-6)
