"""The reference: what of it a caller may mark."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from seal_sdk.backbone.geometry import LatentGeometry
from seal_sdk.errors import InputError
from seal_sdk.pocket import world
from seal_sdk.registration import read_reference

GEOMETRY = LatentGeometry(pixels_per_latent=4, channels=4, halvings=2, default_side=128)  # coarsest tokens of 16x16
NOISE = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)


def rectangle(width, height, side):
    mask = np.zeros((side, side), bool)
    mask[32 : 32 + height, 32 : 32 + width] = True
    return mask


def read(image, **given):
    return read_reference(GEOMETRY, image, "a cat", given.get("box"), given.get("mask"))


@pytest.mark.parametrize("side", [128, 256])
def test_a_subject_smaller_than_a_token_is_refused_with_its_size_and_the_least(side):
    one, image = side // 8, NOISE[:side, :side]
    small = rectangle(one, one - 2, side)
    cutout = np.dstack([image, small.astype(np.uint8) * 255])
    least = rf"covers {one * (one - 2)} pixels, and the model needs at least {one * one}"
    for arguments in (dict(mask=small), dict(box=(32, 32, 32 + one, 30 + one))):
        with pytest.raises(InputError, match=least):
            read(image, **arguments)
    with pytest.raises(InputError, match=least):
        read(cutout)
    assert read(image, mask=rectangle(one, one, side)).mask.sum() == 256
    assert (
        read(image, box=(32, 32, 32 + one, 32 + one)).box
        == (32 * 128 / side, 32 * 128 / side) + ((32 + one) * 128 / side,) * 2
    )


def test_within_a_box_only_what_differs_from_a_uniform_background_counts():
    image = Image.new("RGB", (128, 128), "white")
    image.paste("black", (40, 40, 44, 44))
    with pytest.raises(InputError, match=r"covers 16 pixels.*uniform background"):
        read(image, box=(20, 20, 100, 100))


def test_every_subject_of_the_embedded_world_is_large_enough():
    for seed in range(100):
        sample = world.sample(seed)
        shown = world.render(sample.identity, sample.pose, sample.scene)
        assert read(shown.image, mask=shown.mask).mask is not None
        assert read(shown.image, box=shown.box).box is not None
