"""One seed for every source of randomness."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch


def seed_everything(seed: int) -> int:
    """Seed Python, numpy and torch (all devices); returns the seed. Images depend only on the seeds that ``generate`` reports."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
    return seed


def random_state(source: random.Random) -> list[Any]:
    """Where a source of random numbers is, as JSON may hold it."""
    version, internal, gauss = source.getstate()
    return [version, list(internal), gauss]


def restore_random(source: random.Random, state: Sequence[Any]) -> None:
    """Bring a source of random numbers back to where `random_state` found one."""
    version, internal, gauss = state
    source.setstate((version, tuple(internal), gauss))
