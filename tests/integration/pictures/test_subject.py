"""An identity is drawn into a picture, and the mask says where."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from fixtures.pictures import BOX, EVERY, GUIDED, INPAINT, MASK, PICTURE, SIZE, hole, noise_picture
from PIL import Image

from seal_sdk import Alignment, DeltaBridge, Structure
from seal_sdk.errors import InputError, SubjectNotFound
from seal_sdk.generation.denoise import DenoisingLoop


@pytest.mark.parametrize("masked", [False, True])
def test_a_batch_draws_what_single_calls_draw(session, reference_image, masked):
    session.register(reference_image, prompt="a photo of a cat", name="cat", box=BOX, timesteps=1)
    pictures, masks = [PICTURE, noise_picture(1)], [MASK, hole((4, 4, 40, 30))]
    given = dict(strength=0.6, output_type="latent", appearance=EVERY, **GUIDED, **SIZE)
    task = {"mask_image": masks} if masked else {}
    batch = session.generate(None, ["a cat", "a dog"], image=pictures, seed=[3, 4], **task, **given)
    for row, prompt in enumerate(("a cat", "a dog")):
        task = {"mask_image": masks[row]} if masked else {}
        alone = session.generate(None, prompt, image=pictures[row], seed=3 + row, **task, **given)
        assert torch.equal(alone.image, batch.images[row])


INTO = dict(image=PICTURE, seed=1, appearance=EVERY, num_inference_steps=2, guidance_scale=4.0, **INPAINT)


@pytest.fixture
def cat(session, reference_image):
    session.register(reference_image, prompt="a photo of a cat", name="cat", box=BOX, timesteps=1)
    return session


@pytest.fixture
def plans(monkeypatch):
    seen = []
    run = DenoisingLoop.run
    monkeypatch.setattr(DenoisingLoop, "run", lambda loop, *given: (seen.append(loop.plans[0]), run(loop, *given))[1])
    return seen


def test_the_mask_bounds_where_the_subject_can_be(cat, plans):
    masked = cat.generate(None, "a cat", output_type="latent", **INTO)
    region, subject = plans[0].region[0, 0], plans[0].subjects[0]
    assert region[5:14, 3:11].eq(1).all() and region.sum() == 9 * 8
    assert subject.searched and {len(each) for each in subject.targets.values()} == {8, 25}
    named = cat.generate(None, "a cat", identity={"cat": MASK}, output_type="latent", **INTO)
    assert plans[1].region.equal(plans[0].region) and not plans[1].subjects[0].searched
    assert not torch.equal(masked.image, named.image)  # a region is filled, a mask may be wider than the subject


def test_regions_are_cut_to_the_mask_and_none_may_lie_outside(cat, plans):
    cat.generate(None, "a cat", identity={"cat": (0, 0, 28, 64)}, **INTO)
    assert plans[0].region.sum() == 9 * 4
    with pytest.raises(InputError, match="'cat' lies outside of mask_image"):
        cat.generate(None, "a cat", identity={"cat": (0, 0, 64, 12)}, **INTO)


def test_another_structure_image_is_moved_into_the_hole(cat, structure_image):
    aligned = cat.generate(structure_image, "a cat", structure_box=BOX, **INTO).aligned[0]
    wide = cat.generate(structure_image, "a cat", structure_box=(0.0, 60.0, 128.0, 100.0), **INTO).aligned[0]
    scale = min(32 / 80, 36 / 90)
    assert aligned.size == (64, 64)
    assert np.allclose(np.asarray(aligned)[40, 28], np.asarray(structure_image)[110 - round(16 / scale), 60], atol=60)
    assert not np.array_equal(aligned, wide)


def test_the_picture_itself_stays_where_it_is(cat, plans, tmp_path):
    PICTURE.save(tmp_path / "picture.png")
    for same in (PICTURE, PICTURE.copy(), tmp_path / "picture.png"):
        drawn = cat.generate(same, "a cat", structure_box=(0, 0, 28, 40), **INTO)
        assert np.array_equal(drawn.aligned[0], PICTURE)
    assert plans[-1].region.sum() == 5 * 4  # box and mask have 20 latents in common
    cat.generate(PICTURE, "a cat", structure_box=(0, 0, 64, 10), **INTO)
    assert plans[-1].region.sum() == 9 * 8  # of a subject elsewhere nobody knows where it goes within the mask


def test_an_unaligned_subject_outside_of_the_mask_is_refused(cat, structure_image):
    with pytest.raises(SubjectNotFound, match="outside of mask_image"):
        cat.generate(
            structure_image,
            "a cat",
            structure_box=(100, 0, 128, 20),
            alignment=Alignment(enabled=False),
            **INTO,
        )


def test_a_crop_takes_the_mask_and_the_structure_along(cat, plans):
    picture, mask = noise_picture(2, (200, 160)), hole((120, 90, 160, 130), (200, 160))
    given = {**INTO, "image": picture, "mask_image": mask}
    drawn = cat.generate(picture, "a cat", structure_box=(120, 90, 160, 130), padding_mask_crop=0, **given)
    assert drawn.image.size == (200, 160)
    assert np.array_equal(
        drawn.aligned[0], picture.crop((120, 90, 160, 130)).resize((64, 64), Image.Resampling.LANCZOS)
    )
    assert plans[0].region.eq(1).all()
    with pytest.raises(InputError, match="leave one of them out"):
        cat.generate(None, "a cat", identity={"cat": BOX}, padding_mask_crop=0, **given)


def test_structure_and_bridge_work_on_a_picture(session, reference_image, structure_image):
    session.register(reference_image, prompt="a photo of a cat", name="cat", box=BOX, timesteps=1)
    given = dict(image=PICTURE, seed=1, structure_box=BOX, output_type="latent", **GUIDED, **INPAINT)
    drawn = [
        session.generate(structure_image, "a red cat", structure_control=Structure(**control), **given, **bridge).image
        for control in ({}, {"control": "none"})
        for bridge in ({}, {"delta_bridge": replace(DeltaBridge(), strength=2.0, end=0.9, override=0)})
    ]
    assert all(torch.isfinite(each).all() for each in drawn)
    assert len({each.numpy().tobytes() for each in drawn}) == 4
