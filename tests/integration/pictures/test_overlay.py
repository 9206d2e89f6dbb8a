"""Outside of a mask nothing changes: what is drawn is laid over the picture."""

from __future__ import annotations

import numpy as np
import pytest
from fixtures.pictures import (
    GUIDED,
    HOLE,
    INPAINT,
    MASK,
    OFF,
    PICTURE,
    SIZE,
    diffusers_draws,
    hole,
    noise_picture,
    we_draw,
)
from PIL import Image


def pixels(session, output_type, **given):
    drawn = session.generate(None, "a cat", output_type=output_type, seed=1, **GUIDED, **OFF, **given).image
    if output_type == "pt":
        drawn = drawn.permute(1, 2, 0).numpy()
    return np.asarray(drawn)


@pytest.mark.parametrize("output_type", ["pil", "np", "pt"])
def test_outside_of_a_hard_mask_the_picture_stays_bit_for_bit(session, output_type):
    drawn = pixels(session, output_type, image=PICTURE, **INPAINT)
    without = pixels(session, output_type, image=PICTURE, overlay=False, **INPAINT)
    scale = 255 if output_type == "pil" else 1
    outside, picture = np.asarray(MASK) == 0, np.asarray(PICTURE, np.float32) / 255 * scale
    assert np.abs(drawn[outside] - picture[outside]).max() < (1e-9 if output_type == "pil" else 1e-6)
    assert np.abs(without[outside] - picture[outside]).mean() > 0.02 * scale
    x0, y0, x1, y1 = HOLE
    deep = (slice(y0 + 4, y1 - 4), slice(x0 + 4, x1 - 4))
    assert np.abs(drawn[deep] - without[deep]).max() <= (0 if output_type == "pil" else 1e-6)


def test_the_ramp_lies_within_the_mask(session):
    drawn = pixels(session, "np", image=Image.new("RGB", (64, 64), "white"), **INPAINT)
    without = pixels(session, "np", image=Image.new("RGB", (64, 64), "white"), overlay=False, **INPAINT)
    y, x0 = 38, HOLE[0]
    share = (1 - drawn[y, x0 - 1 : x0 + 5]) / (1 - without[y, x0 - 1 : x0 + 5])
    assert np.allclose(share.mean(axis=1), [0, 0.25, 0.5, 0.75, 1, 1], atol=1e-3)


def test_a_soft_mask_blends_with_its_own_values(session):
    soft = np.asarray(MASK).copy()
    soft[20:56, 40:44] = 64
    soft[20:56, 36:40] = 192
    drawn, without = (
        pixels(session, "np", image=PICTURE, mask_image=soft, overlay=overlay, **SIZE) for overlay in (True, False)
    )
    picture = np.asarray(PICTURE) / 255
    for column, grey in ((42, 64), (38, 192), (30, 255), (2, 0)):
        share = grey / 255
        expected = picture[30, column] * (1 - share) + without[30, column] * share
        assert np.allclose(drawn[30, column], expected, atol=1e-5)


def test_a_picture_of_another_size_is_stretched_as_diffusers_does(session):
    picture, mask = noise_picture(2, (96, 48)), hole((20, 10, 70, 40), (96, 48))
    drawn = pixels(session, "pil", image=picture, mask_image=mask, **SIZE)
    stretched = np.asarray(picture.resize((64, 64), Image.Resampling.LANCZOS))
    outside = np.asarray(mask.resize((64, 64), Image.Resampling.LANCZOS)) == 0
    assert outside.mean() > 0.3 and np.array_equal(drawn[outside], stretched[outside])


def test_a_crop_is_drawn_at_full_size_and_laid_over_as_in_diffusers(session):
    picture, mask = noise_picture(2, (200, 160)), hole((120, 90, 160, 130), (200, 160))
    given = dict(image=picture, mask_image=mask, padding_mask_crop=8, output_type="pil", **GUIDED, **SIZE)
    ours, theirs = we_draw(session, **given).image, diffusers_draws(session.pipe, **given)[0]
    assert ours.size == (200, 160) and np.array_equal(ours, theirs)
    outside = np.asarray(mask) == 0
    assert np.array_equal(np.asarray(ours)[outside], np.asarray(picture)[outside])
