"""Masks: from cut-outs, and in every form in which people have them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from seal_sdk.errors import ImageError
from seal_sdk.images import cutout_mask, read_picture

SUBJECT = np.zeros((20, 30), bool)
SUBJECT[5:15, 10:25] = True
ALPHA = SUBJECT.astype(np.uint8) * 255


def encoded(image, **options):
    buffer = io.BytesIO()
    image.save(buffer, "PNG", **options)
    return buffer.getvalue()


def cutout(mode, alpha=ALPHA):
    """An image of that mode whose alpha is given."""
    if mode == "P":
        image = Image.fromarray(np.where(alpha > 127, 1, 0).astype(np.uint8), "L").convert("P")
        image.putpalette([250, 250, 250, 200, 10, 10])
        return Image.open(io.BytesIO(encoded(image, transparency=0)))
    colour = Image.new({"RGBA": "RGB", "LA": "L", "PA": "P"}[mode], alpha.shape[::-1])
    image = colour.convert(mode)
    image.putalpha(Image.fromarray(alpha))
    return image


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA", "P"])
def test_the_opaque_part_of_a_cutout_is_its_mask(mode):
    assert np.array_equal(cutout_mask(read_picture(cutout(mode))), SUBJECT)


def test_an_array_of_four_channels_is_a_cutout():
    assert np.array_equal(cutout_mask(read_picture(np.dstack([ALPHA] * 4))), SUBJECT)


@pytest.mark.parametrize("alpha", [255, 254, 130])
def test_an_alpha_that_is_opaque_everywhere_is_no_mask(alpha):
    assert cutout_mask(read_picture(cutout("RGBA", np.full_like(ALPHA, alpha)))) is None
    assert cutout_mask(read_picture(Image.new("RGB", (4, 4)))) is None


def test_a_cutout_without_anything_is_refused():
    with pytest.raises(ImageError, match="transparent everywhere"):
        cutout_mask(read_picture(cutout("RGBA", np.zeros_like(ALPHA))))


def test_the_mask_of_a_turned_photo_is_upright():
    image = cutout("RGBA")
    exif = image.getexif()
    exif[0x0112] = 6
    turned = cutout_mask(read_picture(encoded(image, exif=exif)))
    assert np.array_equal(turned, np.rot90(SUBJECT, -1))
