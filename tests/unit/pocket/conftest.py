from __future__ import annotations

import numpy as np
import pytest

from seal_sdk.pocket import world


@pytest.fixture
def held_out_pixels():
    """held_out_pixels(count, kind="photo"): that many images of the world's held-out seeds, (count, 3, 128, 128) in [-1, 1]."""
    from seal_sdk.pocket.train.vae import to_pixels

    def render(count, kind="photo"):
        samples = [world.sample(seed) for seed in range(world.HELD_OUT[0], world.HELD_OUT[0] + count)]
        return to_pixels(np.stack([world.render(s.identity, s.pose, s.scene, kind=kind).image for s in samples]))

    return render
