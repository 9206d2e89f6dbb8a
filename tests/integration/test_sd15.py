"""Stable Diffusion 1.5: the second family of models goes the whole way, by the same protocol."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from diffusers import (
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionInpaintPipeline,
)
from fixtures import tiny_sd15
from PIL import Image

from seal_sdk import Appearance, DeltaBridge, IdentitySession, Structure
from seal_sdk.backbone.sd15 import SD15Backbone
from seal_sdk.cli.main import seal
from seal_sdk.errors import InputError, UnsupportedModel, WrongModel

BOX = (20.0, 20.0, 100.0, 110.0)
OFF = dict(appearance=Appearance(delta=0), delta_bridge=DeltaBridge(strength=0))
FAST = dict(num_inference_steps=3, guidance_scale=4.0)
EVERY = Appearance(tau=-1.0)


@pytest.fixture
def pipeline(tiny_tokenizer):
    return partial(tiny_sd15.pipeline, tiny_tokenizer)


@pytest.fixture
def session(pipeline, tmp_path):
    with IdentitySession(pipeline(), store=tmp_path / "store", enable_progress_bar=False) as session:
        yield session


def register(session, image, **arguments):
    return session.register(image, **{"prompt": "a photo of a cat", "name": "cat", "box": BOX, **arguments})


@pytest.mark.parametrize(
    ("arguments", "dtype"),
    [
        ({}, torch.float32),
        ({}, torch.bfloat16),
        (dict(height=64, width=64), torch.float16),  # fp16 is slow on many CPUs
        (dict(negative_prompt="a dog"), torch.float32),
        (dict(guidance_scale=1.0), torch.float32),
        (dict(guidance_rescale=0.7), torch.bfloat16),
        (dict(height=96, width=160), torch.float32),
    ],
    ids=lambda value: "-".join(value) or "plain" if isinstance(value, dict) else str(value).removeprefix("torch."),
)
def test_with_the_method_off_it_is_plain_diffusers(pipeline, tmp_path, arguments, dtype):
    pipe = pipeline().to(dtype=dtype)
    pipe.set_progress_bar_config(disable=True)
    arguments = {**FAST, **arguments}
    with IdentitySession(pipe, store=tmp_path, **OFF) as session:
        ours = session.generate(None, "a cat", seed=3, output_type="np", **arguments)
    theirs = pipe("a cat", generator=torch.Generator().manual_seed(3), output_type="np", **arguments)
    assert np.array_equal(ours.image, theirs.images[0])


@pytest.mark.parametrize("scheduler", [EulerDiscreteScheduler, DPMSolverMultistepScheduler])
def test_other_schedulers_are_plain_diffusers_too(pipeline, tmp_path, scheduler):
    pipe = pipeline()
    pipe.scheduler = scheduler.from_config(pipe.scheduler.config)
    pipe.set_progress_bar_config(disable=True)
    with IdentitySession(pipe, store=tmp_path, **OFF) as session:
        ours = session.generate(None, "a cat", seed=3, output_type="np", **FAST)
    theirs = pipe("a cat", generator=torch.Generator().manual_seed(3), output_type="np", **FAST)
    assert np.array_equal(ours.image, theirs.images[0])


def test_clip_skip_is_as_in_diffusers_or_refused_before_any_work(pipeline, tmp_path):
    pipe, calls = pipeline(), []
    with IdentitySession(pipe, store=tmp_path, **OFF) as session:
        if hasattr(pipe.text_encoder, "text_model"):
            ours = session.generate(None, "a cat", seed=3, clip_skip=1, output_type="np", **FAST)
            generator = torch.Generator().manual_seed(3)
            theirs = pipe("a cat", generator=generator, clip_skip=1, output_type="np", **FAST)
            assert np.array_equal(ours.image, theirs.images[0])
        else:  # diffusers itself fails with an AttributeError
            session.backbone.encode_prompt = lambda *_, **__: calls.append(1)
            pipe.unet.register_forward_pre_hook(lambda *_: calls.append(1))
            with pytest.raises(InputError, match=r"clip_skip=1.*leave clip_skip out"):
                session.generate(None, "a cat", clip_skip=1, **FAST)
            assert not calls


def test_registering_again_is_a_hit(session, reference_image):
    assert isinstance(session.backbone, SD15Backbone)
    identity = register(session, reference_image)
    assert {spec.name.split(".")[0] for spec in identity.stored.arrays} == {"mid", "up1", "up2", "up3"}
    assert "time_ids" not in identity.stored.recipe
    assert register(session, reference_image).digest == identity.digest
    assert session.store.verify().ok


def test_the_reference_shows_in_the_image_and_match_maps_say_where(session, reference_image, structure_image):
    register(session, reference_image)
    given = dict(structure_box=BOX, seed=2, **FAST)
    plain = session.generate(structure_image, "a red cat", **given, **OFF)
    drawn = session.generate(structure_image, "a red cat", match_maps=True, appearance=EVERY, **given)
    assert not np.array_equal(np.asarray(plain.image), np.asarray(drawn.image))
    assert drawn.coverage == [1.0] and drawn.maps()[0].share.max() == 1
    assert drawn.settings[0]["structure_control"]["attention"] == ("up1", "up2", "up3")
    assert drawn.unet_rows > plain.unet_rows


def test_structure_is_injected(session, structure_image):
    given = dict(seed=2, output_type="np", **FAST, **OFF)
    without = session.generate(None, "a cat", **given)
    never = session.generate(structure_image, "a cat", structure_control=Structure(end=0.0), **given)
    always = session.generate(structure_image, "a cat", **given)
    assert np.array_equal(without.image, never.image) and not np.allclose(without.image, always.image, atol=1e-3)


def test_several_identities_and_no_structure(session, reference_image, structure_image):
    register(session, reference_image)
    register(session, structure_image, name="dog", prompt="a photo of a dog")
    regions = {"cat": (0, 16, 64, 120), "dog": (64, 16, 128, 120)}
    both = session.generate(None, "a cat and a dog", identity=regions, seed=1, appearance=EVERY, **FAST)
    alone = session.generate(None, "a cat and a dog", identity="cat", seed=1, appearance=EVERY, **FAST)
    assert both.image.tobytes() != alone.image.tobytes()


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_draws_what_fp32_draws(pipeline, tmp_path, reference_image, structure_image, precision):
    latents = []
    for each in ("fp32", precision):
        with IdentitySession(pipeline(), store=tmp_path / each, precision=each, enable_progress_bar=False) as session:
            register(session, reference_image)
            given = dict(structure_box=BOX, seed=2, output_type="latent", appearance=EVERY, height=64, width=64, **FAST)
            latents.append(session.generate(structure_image, "a red cat", **given).image.float())
    exact, half = latents
    assert (half - exact).square().mean().sqrt() / exact.std() < (0.05 if precision == "bf16" else 0.01)


def test_an_identity_of_sdxl_is_refused(session, tiny_pipeline, tmp_path, reference_image):
    with IdentitySession(tiny_pipeline(), store=session.store, enable_progress_bar=False) as other:
        register(other, reference_image)
    with pytest.raises(WrongModel, match="unet"):
        session.generate(None, "a cat", identity="cat", **FAST)


def test_a_folder_serves_the_command_line(pipeline, tmp_path, reference_image):
    pipeline().save_pretrained(tmp_path / "model")
    reference_image.save(tmp_path / "cat.png")
    where = ["--model", str(tmp_path / "model"), "--store", str(tmp_path / "store")]

    def run(*words):
        done = CliRunner().invoke(seal, [*words, *where])
        assert done.exit_code == 0, done.output
        return done.output

    call = ("register", str(tmp_path / "cat.png"), "--name", "cat", "--prompt", "a cat", "--box", "20,20,100,110")
    assert "registered" in run(*call)
    assert "already in the store" in run(*call)
    out = str(tmp_path / "out.png")
    run("generate", "cat", "--prompt", "a red cat", "-o", out, "--steps", "2", "--seed", "1")
    run("explain", out, "-o", str(tmp_path / "maps.png"))
    assert (tmp_path / "maps.png").is_file()


def test_other_pipelines_are_named_and_refused(pipeline):
    pipe = pipeline()
    pipe.unet.register_to_config(class_embed_type="timestep")
    with pytest.raises(UnsupportedModel, match=r"Stable Diffusion XL or Stable Diffusion 1.5"):
        IdentitySession(pipe)


MASK = np.zeros((128, 128), np.uint8)
MASK[24:104, 40:112] = 255


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("strength", [None, 0.6])
def test_pictures_are_drawn_as_diffusers_draws_them(session, reference_image, masked, strength):
    family = StableDiffusionInpaintPipeline if masked else StableDiffusionImg2ImgPipeline
    theirs = family(**session.pipe.components, requires_safety_checker=False)
    theirs.set_progress_bar_config(disable=True)
    given = dict(image=reference_image, output_type="latent", **FAST)
    given |= {} if strength is None else {"strength": strength}
    given |= dict(mask_image=Image.fromarray(MASK), height=128, width=128) if masked else {}
    ours = session.generate(None, "a cat", seed=3, **given, **OFF)
    assert torch.equal(ours.image, theirs("a cat", generator=torch.Generator().manual_seed(3), **given).images[0])
