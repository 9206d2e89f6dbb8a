"""The segmenter around SAM: which mask wins, large images, plain backgrounds, and what its fingerprint says."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import segment_anything
import torch
from PIL import Image, ImageDraw

from seal_sdk.errors import SubjectNotFound
from seal_sdk.pocket.sam import build_sam
from seal_sdk.segmentation import SamSegmenter

SIDE = 128


class Masks:
    """Stands where SAM's mask generator does: answers with the given masks, remembers what it was shown."""

    def __init__(self, *found):
        self.found, self.shown = found, []

    def generate(self, pixels):
        self.shown.append(pixels.shape)
        return [dict(segmentation=mask, predicted_iou=quality, stability_score=1.0) for mask, quality in self.found]


@pytest.fixture
def segmenter_of(monkeypatch):
    def make(*found):
        masks = Masks(*found)
        monkeypatch.setattr(segment_anything, "SamAutomaticMaskGenerator", lambda *args, **kwargs: masks)
        encoder = SimpleNamespace(img_size=SIDE)
        sam = SimpleNamespace(image_encoder=encoder, eval=lambda: SimpleNamespace(image_encoder=encoder))
        return SamSegmenter(sam, "stub"), masks

    return make


def area(x0, y0, x1, y1, side=SIDE):
    mask = np.zeros((side, side), dtype=bool)
    mask[y0:y1, x0:x1] = True
    return mask


NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8))


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ((area(32, 32, 96, 96), 0.9), (area(32, 32, 96, 96), 0.8)),  # predicted IoU
        ((area(32, 32, 96, 96), 0.9), (area(60, 60, 64, 64), 0.9)),  # area
        ((area(32, 32, 96, 96), 0.9), (area(0, 0, 64, 64), 0.9)),  # centrality
        ((area(48, 48, 80, 80), 0.7), (area(0, 0, 128, 64), 1.0)),  # three borders: background
    ],
)
def test_the_more_subject_like_mask_wins(segmenter_of, better, worse):
    for order in ((better, worse), (worse, better)):
        segmenter, _ = segmenter_of(*order)
        subject = segmenter.find(NOISE)
        assert np.array_equal(subject.mask, better[0]) and 0 < subject.score <= better[1]


def test_only_background_is_nobody(segmenter_of):
    segmenter, _ = segmenter_of((np.ones((SIDE, SIDE), dtype=bool), 1.0))
    with pytest.raises(SubjectNotFound, match="box="):
        segmenter.find(NOISE)
    with pytest.raises(SubjectNotFound, match="structure_box="):
        segmenter.find(NOISE, "structure")


def test_a_large_image_reaches_sam_at_its_input_size(segmenter_of):
    segmenter, masks = segmenter_of((area(32, 48, 96, 112)[:96], 0.9))
    subject = segmenter.find(NOISE.resize((4000, 3000)))
    assert masks.shown == [(96, 128, 3)]
    assert subject.mask.shape == (3000, 4000)
    assert np.allclose(subject.box, np.array((32, 48, 96, 96)) * 31.25, atol=32)


def test_a_small_image_is_left_alone(segmenter_of):
    segmenter, masks = segmenter_of((area(2, 2, 6, 6, 8), 0.9))
    assert segmenter.find(NOISE.resize((8, 8))).box == (2, 2, 6, 6) and masks.shown == [(8, 8, 3)]


def drawn(side=SIDE, width=3):
    image = Image.new("RGB", (side, side), "white")
    scale = side // SIDE
    ImageDraw.Draw(image).line([(40 * scale, 20 * scale), (90 * scale, 110 * scale)], "black", width)
    return image


def test_on_a_plain_background_sam_is_trusted_where_it_agrees(segmenter_of):
    agreeing = area(38, 18, 92, 112)
    assert np.array_equal(segmenter_of((agreeing, 0.9))[0].find(drawn(), "structure").mask, agreeing)
    elsewhere = segmenter_of((area(90, 10, 120, 40), 0.9))[0].find(drawn(), "structure")
    nobody = segmenter_of()[0].find(drawn(), "structure")
    for subject in (elsewhere, nobody):
        assert np.allclose(subject.box, (40, 20, 91, 111), atol=2)
        assert subject.mask.sum() < 1000  # the strokes, not their box


def test_hairlines_of_a_large_drawing_are_not_lost(segmenter_of):
    subject = segmenter_of()[0].find(drawn(side=SIDE * 20, width=2), "structure")
    assert np.allclose(np.array(subject.box) / 20, (40, 20, 90, 110), atol=1)


def test_a_blank_structure_never_reaches_sam(segmenter_of):
    segmenter, masks = segmenter_of((area(32, 32, 96, 96), 0.9))
    with pytest.raises(SubjectNotFound, match="structure_box="):
        segmenter.find(Image.new("RGB", (SIDE, SIDE), "black"), "structure")
    assert not masks.shown


def test_calls_are_counted_whether_or_not_somebody_is_found(segmenter_of):
    segmenter, _ = segmenter_of((area(32, 32, 96, 96), 0.9))
    segmenter.find(NOISE)
    with pytest.raises(SubjectNotFound):
        segmenter.find(Image.new("RGB", (SIDE, SIDE)), "structure")
    assert segmenter.calls == 2


def test_the_fingerprint_names_all_that_decides_the_answer():
    sam = build_sam()
    options = [{}, dict(points_per_side=8), dict(min_quality=0.5)]
    fingerprints = {
        SamSegmenter(sam, weights, **more).fingerprint for weights in ("sam:a", "sam:b") for more in options
    }
    assert len(fingerprints) == 6


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (37, 53)])
def test_sizes_of_any_kind_work_with_a_real_sam(size):
    torch.manual_seed(0)
    segmenter = SamSegmenter(build_sam(), "seeded", points_per_side=2, min_quality=0.0)
    image = NOISE.resize(size)
    try:
        subject = segmenter.find(image)
    except SubjectNotFound:
        return  # random weights may find nobody; they must not fail otherwise
    assert subject.mask.shape == (size[1], size[0]) and subject.mask.any()
