"""A subject of 4x4 latents."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture
def subject():
    subject = torch.zeros(1, 1, 8, 8)
    subject[..., 2:6, 2:6] = 1.0
    return subject
