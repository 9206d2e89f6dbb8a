"""AnchorAlign: boxes are mapped onto each other, image and mask stay together, and thin subjects survive shrinking."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from seal_sdk.method.anchor_align import Transform, align_image, align_mask, anchor_transform, border_colour


def profile(coverage):
    """Length and centre of a line of pixels, relative to its strongest pixel, since edges are soft."""
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


def rectangle(size, box):
    mask = np.zeros(size[::-1], dtype=bool)
    mask[box[1] : box[3], box[0] : box[2]] = True
    return mask


def bounds(mask):
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


def test_transform_maps_height_and_bottom_centre():
    transform = anchor_transform((40, 20, 80, 100), (10, 30, 50, 70))
    assert transform.scale == 2.0
    assert transform.scale * 30 + transform.shift[0] == 60 and transform.scale * 70 + transform.shift[1] == 100


@pytest.mark.parametrize("structure", [(10, 30, 50, 70), (5, 5, 120, 125), (60, 90, 90, 120)])
def test_image_and_mask_land_on_the_reference_box(structure):
    reference = (40, 20, 80, 100)
    mask = rectangle((128, 128), structure)
    image = Image.fromarray(np.where(mask[..., None], np.uint8([200, 30, 30]), np.uint8([255, 255, 255])))
    transform = anchor_transform(reference, structure)
    moved = align_mask(mask, transform, (128, 128))
    x0, y0, x1, y1 = bounds(moved)
    width = (structure[2] - structure[0]) * transform.scale
    expected = (max(60 - width / 2, 0), 20, min(60 + width / 2, 128), 100)
    assert np.allclose((x0, y0, x1, y1), expected, atol=1.01)
    aligned = np.asarray(align_image(image, transform, (128, 128)))
    seen = np.abs(aligned.astype(int) - [200, 30, 30]).max(axis=2) < 60
    assert (seen & moved).sum() / (seen | moved).sum() > 0.95
    assert (aligned[0, 0] == 255).all()  # the uncovered canvas has the border's colour


def test_border_colour_ignores_what_crosses_the_border():
    pixels = np.zeros((50, 50, 3), np.uint8)
    pixels[:, 20:25] = 255
    assert border_colour(Image.fromarray(pixels)) == (0, 0, 0)
