"""Finding the subject: given boxes and masks, the embedded SAM, and where weights come from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from segment_anything import sam_model_registry

from seal_sdk.errors import ConfigError, InputError, SubjectNotFound, WeightsNotFound
from seal_sdk.pocket import world
from seal_sdk.segmentation import load_sam, subject_from, weights
from seal_sdk.segmentation.background import foreground

BLANK = Image.new("RGB", (128, 128), "white")


@pytest.fixture(scope="module")
def segmenter():
    return load_sam("pocket")


def box_iou(one, other):
    width, height = min(one[2], other[2]) - max(one[0], other[0]), min(one[3], other[3]) - max(one[1], other[1])
    shared = max(width, 0) * max(height, 0)
    return shared / ((one[2] - one[0]) * (one[3] - one[1]) + (other[2] - other[0]) * (other[3] - other[1]) - shared)


@pytest.mark.parametrize("kind", world.KINDS)
def test_the_embedded_sam_finds_held_out_subjects(segmenter, kind):
    found, before = [], segmenter.calls
    for seed in range(500_100, 500_108):
        sample = world.sample(seed)
        drawn = world.render(sample.identity, sample.pose, sample.scene, kind=kind)
        subject = segmenter.find(Image.fromarray(drawn.image), "reference" if kind == "photo" else "structure")
        found.append(box_iou(subject.box, drawn.box))
        assert subject.mask.shape == (128, 128) and 0 <= subject.score <= 1
    assert np.mean(found) >= (0.85 if kind == "photo" else 0.8)
    assert segmenter.calls == before + 8


def test_a_blank_structure_image_says_how_to_give_a_box(segmenter):
    with pytest.raises(SubjectNotFound, match="structure_box="):
        segmenter.find(BLANK, "structure")


def test_finding_is_deterministic(segmenter, reference_image):
    first, second = segmenter.find(reference_image), segmenter.find(reference_image)
    assert first.box == second.box and np.array_equal(first.mask, second.mask)


def test_a_given_box_takes_the_foreground_within_it():
    image = BLANK.copy()
    image.paste("red", (40, 40, 80, 100))
    subject = subject_from(image, box=(30, 30, 90, 110))
    assert subject.box == (30, 30, 90, 110) and subject.mask.sum() == 40 * 60
    busy = Image.fromarray(np.random.default_rng(0).integers(0, 256, (128, 128, 3), dtype=np.uint8))
    assert foreground(busy) is None and subject_from(busy, box=(30, 30, 90, 110)).mask.sum() == 60 * 80


def test_a_given_mask_wins_over_a_box():
    mask = np.zeros((128, 128), bool)
    mask[10:20, 30:50] = True
    subject = subject_from(BLANK, box=(0, 0, 5, 5), mask=mask)
    assert subject.box == (30, 10, 50, 20)


@pytest.mark.parametrize(
    "arguments",
    [
        dict(box=(10, 10, 5, 20)),
        dict(box=(0, 0, 200, 20)),
        dict(box=(-1, 0, 20, 20)),
        dict(box="box"),
        dict(box=(1, 2, 3)),
        dict(box=(0, 0, float("nan"), 20)),
        dict(mask=np.zeros((128, 128), bool)),
        dict(mask=np.ones((64, 64), bool)),
        dict(mask=np.ones((128, 128), np.uint8)),
    ],
)
def test_boxes_and_masks_that_do_not_fit_are_refused(arguments):
    with pytest.raises(InputError, match=r"box=|mask"):
        subject_from(BLANK, **arguments)


def test_a_normalised_box_is_refused_with_the_pixels_it_would_be():
    for box in ((0.1, 0.25, 0.75, 1.0), (0, 0, 1, 1), np.array([0.1, 0.25, 0.75, 1.0])):
        with pytest.raises(InputError, match="looks normalised; multiply by width and height"):
            subject_from(Image.new("RGB", (200, 100)), box=box)
    with pytest.raises(InputError, match=r": \(20, 25, 150, 100\)\."):
        subject_from(Image.new("RGB", (200, 100)), box=(0.1, 0.25, 0.75, 1.0))
    assert subject_from(Image.new("RGB", (1, 1)), box=(0, 0, 1, 1)).mask.all()
    assert subject_from(BLANK, box=(0, 0, 2, 1)).mask.sum() == 2


def test_missing_files_and_foreign_checkpoints_are_refused(tmp_path):
    with pytest.raises(WeightsNotFound, match=r"nothing\.pth"):
        load_sam(tmp_path / "nothing.pth")
    torch.save({"weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(ConfigError, match="vit_b"):
        load_sam(tmp_path / "other.pth")


def test_a_pickle_is_never_executed(tmp_path):
    marker = tmp_path / "ran"

    class Evil:
        def __reduce__(self):
            return Path.touch, (marker,)

    torch.save({"weight": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(WeightsNotFound, match="safely"):
        load_sam(tmp_path / "evil.pth")
    assert not marker.exists()


def test_offline_without_weights_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.delenv("SEAL_SAM_WEIGHTS", raising=False)
    monkeypatch.setattr(weights, "user_cache_path", lambda name: tmp_path)
    monkeypatch.setattr(weights, "OFFICIAL", (tmp_path / "server").as_uri() + "/")
    with pytest.raises(WeightsNotFound, match=r"SEAL_SAM_WEIGHTS.*box="):
        load_sam()


def test_a_download_with_another_checksum_is_refused(tmp_path, monkeypatch):
    server = tmp_path / "server"
    server.mkdir()
    (server / weights.FILES["vit_b"]).write_bytes(b"tampered")
    monkeypatch.setattr(weights, "user_cache_path", lambda name: tmp_path / "cache")
    monkeypatch.setattr(weights, "OFFICIAL", server.as_uri() + "/")
    with pytest.raises(WeightsNotFound, match="hash"):
        load_sam("vit_b")
    assert not list((tmp_path / "cache").rglob("*.pth"))


def test_weights_named_by_the_environment_are_loaded(tmp_path, monkeypatch):
    with torch.device("meta"):
        state = sam_model_registry["vit_b"]().state_dict()
    monkeypatch.setattr(weights, "_read", lambda path: {name: torch.zeros(t.shape) for name, t in state.items()})
    path = tmp_path / "sam.pth"
    path.write_bytes(b"weights")
    monkeypatch.setenv("SEAL_SAM_WEIGHTS", str(path))
    assert load_sam().fingerprint.startswith("sam:")
