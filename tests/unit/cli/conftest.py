"""A store with two identities, and a picture that carries settings."""

from __future__ import annotations

import numpy as np
import pytest
from fixtures.command_line import SPEC
from PIL import Image

from seal_sdk.images import attach_settings
from store import IdentityStore


@pytest.fixture
def root(tmp_path):
    """A store with the identities ``tiger`` and ``horse``."""
    store = IdentityStore(tmp_path / "store")
    for number, name in enumerate(("tiger", "horse")):
        rng = np.random.default_rng(number)
        steps = [{"mid": rng.normal(size=SPEC.shape[1:]).astype("f4")} for _ in range(2)]
        store.put(
            {"pixels": name},
            arrays=[SPEC],
            steps=lambda steps=steps: iter(steps),
            timesteps=[900, 100],
            attributes={"prompt": f"a photo of a {name}", "box": [1.0, 2.0, 3.0, 4.0]},
            attachments={},
            name=name,
        )
    return store.root


@pytest.fixture
def drawn(tmp_path):
    """A PNG that carries settings."""
    path = tmp_path / "drawn.png"
    attach_settings(Image.new("RGB", (8, 8)), {"seed": 7, "prompt": "a cät", "appearance": {"delta": 3.0}}).save(path)
    return path
