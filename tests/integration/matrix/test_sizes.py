"""Shapes that SDXL is trained for, at the tiny model's scale, and sides that are no multiple of its coarsest token (16 px)."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from seal_sdk import Appearance, DeltaBridge, IdentitySession
from seal_sdk.errors import SizeError

OFF = dict(appearance=Appearance(delta=0), delta_bridge=DeltaBridge(strength=0))
STEPS = dict(num_inference_steps=2, guidance_scale=4.0)
SIZES = {  # (height, width)
    "1024x1024": (128, 128),
    "768x1344": (96, 168),
    "1344x768": (168, 96),
    "odd": (104, 136),
    "narrow": (40, 200),
}
REFERENCE = (150, 90)  # (width, height): of another shape than all of them
BOX = (30.0, 20.0, 120.0, 80.0)


@pytest.fixture(params=SIZES)
def size(request):
    height, width = SIZES[request.param]
    return dict(height=height, width=width)


@pytest.fixture
def session(tiny_pipeline, tmp_path):
    with IdentitySession(tiny_pipeline(), store=tmp_path, precision="fp32", enable_progress_bar=False) as session:
        session.pipe.set_progress_bar_config(disable=True)
        yield session


def test_with_the_method_off_it_is_plain_diffusers(session, size):
    ours = session.generate(None, "a cat", seed=7, output_type="np", **size, **STEPS, **OFF)
    theirs = session.pipe("a cat", generator=torch.Generator().manual_seed(7), output_type="np", **size, **STEPS)
    assert np.array_equal(ours.image, theirs.images[0])


def test_an_identity_of_another_shape_is_registered_found_again_and_drawn(
    session, size, reference_image, structure_image
):
    image = reference_image.resize(REFERENCE)
    how = dict(prompt="a photo of a cat", name="cat", box=BOX, timesteps=2)
    identity = session.register(image, **how)
    assert session.register(image, **how).digest == identity.digest
    assert identity.size[0] > identity.size[1]
    given = dict(structure_box=(20.0, 20.0, 100.0, 110.0), seed=3, output_type="np", **size, **STEPS)
    drawn = session.generate(structure_image, "a red cat", appearance=Appearance(tau=-1.0), **given)
    without = session.generate(structure_image, "a red cat", **given, **OFF)
    assert drawn.image.shape == (size["height"], size["width"], 3) and np.isfinite(drawn.image).all()
    assert drawn.coverage == [1.0] and drawn.aligned[0].size == (size["width"], size["height"])
    assert not np.allclose(drawn.image, without.image, atol=1e-4)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_draws_odd_sides(tiny_pipeline, tmp_path, reference_image, precision):
    with IdentitySession(tiny_pipeline(), store=tmp_path, precision=precision, enable_progress_bar=False) as session:
        session.register(reference_image.resize(REFERENCE), prompt="a cat", name="cat", box=BOX, timesteps=1)
        given = dict(num_inference_steps=1, height=104, width=136, output_type="np")
        drawn = session.generate(None, "a red cat", seed=3, **given)
    assert drawn.image.shape == (104, 136, 3) and np.isfinite(drawn.image).all()


def test_a_batch_of_an_odd_size_draws_what_single_calls_draw(session, reference_image):
    session.register(reference_image.resize(REFERENCE), prompt="a cat", name="cat", box=BOX, timesteps=1)
    given = dict(height=104, width=136, output_type="np", num_inference_steps=1, guidance_scale=4.0)
    batch = session.generate(None, ["a red cat", "a cat on snow"], seed=[1, 2], **given)
    for image, prompt, seed in zip(batch.images, ("a red cat", "a cat on snow"), (1, 2), strict=True):
        assert np.array_equal(image, session.generate(None, prompt, seed=seed, **given).image)


@pytest.mark.parametrize(("height", "nearest"), [(102, 104), (8, 16), (8200, 8192)])
def test_a_side_that_cannot_be_drawn_names_the_nearest(session, height, nearest):
    rows = []
    session.pipe.unet.register_forward_pre_hook(lambda *_: rows.append(1))
    with pytest.raises(SizeError, match=f"height={height}.*the nearest is {nearest}"):
        session.generate(None, "a cat", height=height, **OFF)
    assert not rows
