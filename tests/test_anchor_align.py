"""AnchorAlign when it shrinks: image and mask stay together, and thin subjects stay there."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from seal_sdk.method.anchor_align import Transform, align_image, align_mask


def profile(coverage):
    """Length and centre of what a line of pixels shows, relative to the line's strongest pixel: edges are soft."""
    coverage = coverage / coverage.max()
    return coverage.sum(), (coverage * (np.arange(len(coverage)) + 0.5)).sum() / coverage.sum()


@pytest.mark.parametrize(
    ("size", "scale"),
    [((128, 200), 0.41), ((40, 1200), 0.11), ((1200, 40), 0.11), ((300, 777), 0.137), ((90, 70), 1.7)],
)
def test_image_and_mask_obey_the_transform_on_both_axes(size, scale):
    width, height = size
    x0, y0, x1, y1 = int(width * 0.3), int(height * 0.5), int(width * 0.8), int(height * 0.97)
    mask = np.zeros((height, width), dtype=bool)
    mask[y0:y1, x0:x1] = True
    image = Image.fromarray(np.where(mask[..., None], np.uint8([0, 0, 0]), np.uint8([255, 255, 255])))
    transform = Transform(scale, (2.3, 31.7))
    canvas = (int(width * scale) + 8, int(height * scale) + 40)
    centre_x, centre_y = scale * (x0 + x1) / 2 + 2.3, scale * (y0 + y1) / 2 + 31.7
    drawn = 1 - np.asarray(align_image(image, transform, canvas))[..., 0] / 255
    for picture, tolerance in ((drawn, 0.35), (align_mask(mask, transform, canvas).astype(float), 0.75)):
        length, centre = profile(picture[:, int(centre_x)])
        assert abs(length - scale * (y1 - y0)) <= 2 * tolerance and abs(centre - centre_y) <= tolerance
        length, centre = profile(picture[int(centre_y)])
        assert abs(length - scale * (x1 - x0)) <= 2 * tolerance and abs(centre - centre_x) <= tolerance


@pytest.mark.parametrize("scale", [0.6, 0.25, 0.1, 0.03])
def test_thin_strokes_survive_shrinking(scale):
    mask = np.zeros((512, 512), dtype=bool)
    mask[100:400, 250:253] = True
    moved = align_mask(mask, Transform(scale, (0.0, 0.0)), (320, 320))
    rows = np.flatnonzero(moved.any(axis=1))
    assert abs(rows[0] - 100 * scale) <= 1 and abs(rows[-1] + 1 - 400 * scale) <= 1
    assert moved.any(axis=0).sum() <= 3


def test_an_empty_mask_stays_empty():
    assert not align_mask(np.zeros((50, 50), dtype=bool), Transform(0.3, (0.0, 0.0)), (20, 20)).any()


def test_shrinking_averages_instead_of_picking():
    checks = np.indices((400, 400)).sum(axis=0) % 2 * 255
    image = Image.fromarray(np.repeat(checks[..., None], 3, axis=2).astype(np.uint8))
    grey = np.asarray(align_image(image, Transform(0.1, (0.0, 0.0)), (40, 40)))
    assert np.abs(grey[2:-2, 2:-2].astype(int) - 127).max() <= 2


def test_the_fill_may_be_a_given_colour():
    aligned = align_image(Image.new("RGB", (10, 10), "red"), Transform(1.0, (20.0, 20.0)), (40, 40), (1, 2, 3))
    assert aligned.getpixel((0, 0)) == (1, 2, 3) and aligned.getpixel((25, 25)) == (255, 0, 0)
