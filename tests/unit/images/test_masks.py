"""Masks: from cut-outs, and in every form in which people have them."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from seal_sdk.errors import ImageError, InputError
from seal_sdk.images import cutout_mask, read_mask, read_picture

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


def sources(folder):
    """The same mask in every form."""
    image, path = Image.fromarray(ALPHA), folder / "mask.png"
    image.save(path)
    return [
        *(path, str(path), encoded(image), io.BytesIO(encoded(image)), image),
        *(image.convert(mode) for mode in ("1", "RGB", "P", "I", "F", "CMYK")),
        *(
            SUBJECT,
            ALPHA,
            ALPHA.tolist(),
            ALPHA[..., None],
            ALPHA[None],
            np.dstack([ALPHA] * 3),
            np.dstack([SUBJECT] * 3),
        ),
        *(SUBJECT.astype(kind) for kind in (np.uint8, np.int64, np.float32)),
        *(torch.from_numpy(SUBJECT), torch.from_numpy(SUBJECT)[None], torch.from_numpy(SUBJECT)[None, None].bfloat16()),
        *(ALPHA[None, ..., None], torch.from_numpy(ALPHA).expand(1, 3, -1, -1)),
        *(ALPHA.astype(np.uint16) * 257, ALPHA.astype(np.int32)),
    ]


def test_a_mask_is_the_same_in_every_form(tmp_path):
    for source in sources(tmp_path):
        assert np.array_equal(read_mask(source), SUBJECT), source


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA", "P"])
def test_of_a_cutout_as_mask_the_alpha_counts(mode):
    image = cutout(mode)
    assert np.array_equal(read_mask(image), SUBJECT)


@pytest.mark.parametrize("opaque", [255, 65535, 1.0])
def test_of_an_array_the_alpha_counts_where_it_is_not_opaque_everywhere(opaque):
    kind = {255: np.uint8, 65535: np.uint16, 1.0: np.float32}[opaque]
    alpha, one = (SUBJECT * opaque).astype(kind), np.full(SUBJECT.shape, opaque, kind)
    for channels in (1, 3):
        assert np.array_equal(read_mask(np.dstack([one * 0] * channels + [alpha])), SUBJECT)
        assert np.array_equal(read_mask(np.dstack([alpha] * channels + [one])), SUBJECT)


@pytest.mark.parametrize(
    ("levels", "marked"),
    [
        (np.array([[0, 50, 51, 100]], np.uint8), [False, False, True, True]),
        (np.array([[0, 50, 51, 100]], np.int64), [False, False, True, True]),
        (np.array([[0, 0.25, 0.26, 0.5]], np.float32), [False, False, True, True]),
        (np.array([[0, 0.5, 0.51, 1]]), [False, False, True, True]),
        (np.array([[0, 127, 128, 200]], np.uint8), [False, False, True, True]),
        (np.array([[0, 127, 128, 255]], np.uint8), [False, False, True, True]),
        (np.array([[0, 1, 1, 1]], np.uint8), [False, True, True, True]),
        (np.array([[0, 300, 32768, 65535]], np.uint16), [False, False, True, True]),
        (np.full((1, 4), 3, np.uint8), [True] * 4),
        (np.full((1, 4), 0.2), [True] * 4),
        (np.zeros((1, 4)), [False] * 4),
    ],
)
def test_a_mask_marks_what_is_brighter_than_half_of_its_scale(levels, marked):
    assert read_mask(levels)[0].tolist() == marked
    if levels.dtype == np.uint8:
        assert read_mask(encoded(Image.fromarray(levels)))[0].tolist() == marked


def test_a_mask_of_any_colour_on_black_counts():
    for colour in np.eye(3, dtype=np.uint8):
        assert np.array_equal(read_mask(ALPHA[..., None] * colour), SUBJECT)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (np.zeros((4, 4, 5)), "shape"),
        (np.zeros(4), "shape"),
        (12, "shape"),
        (np.zeros((0, 4, 4, 4)), "shape"),
        (np.full((4, 4), np.nan), "NaN"),
        (np.array([["a"]]), "<U1"),
        (np.ones((4, 4), complex), "complex"),
        ("nowhere.png", "nowhere.png"),
        (b"mask", "not an image"),
    ],
)
def test_what_is_no_mask_is_refused(source, says):
    with pytest.raises(InputError, match=says):
        read_mask(source)
