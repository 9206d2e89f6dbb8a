"""Drawing into pictures: with the method off it is diffusers' img2img and inpainting, and outside of a mask nothing changes."""

from __future__ import annotations

from dataclasses import replace

import diffusers
import numpy as np
import pytest
import torch
from diffusers import StableDiffusionXLImg2ImgPipeline, StableDiffusionXLInpaintPipeline
from fixtures.pipeline_states import with_unet
from PIL import Image

from seal_sdk import Alignment, Appearance, DeltaBridge, IdentitySession, Structure
from seal_sdk.errors import InputError, SubjectNotFound
from seal_sdk.generation.denoise import DenoisingLoop
from seal_sdk.images import read_settings

OFF = dict(appearance=Appearance(delta=0), delta_bridge=DeltaBridge(strength=0))
SIZE = dict(height=64, width=64)
GUIDED = dict(num_inference_steps=4, guidance_scale=4.0)
HOLE = (12, 20, 44, 56)  # x0, y0, x1, y1
EVERY = Appearance(tau=-1.0)  # every token of the region is infused
BOX = (20.0, 20.0, 100.0, 110.0)


def noise_picture(seed=0, size=(64, 64)):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))


def hole(box=HOLE, size=(64, 64)):
    mask = np.zeros(size[::-1], np.uint8)
    mask[box[1] : box[3], box[0] : box[2]] = 255
    return Image.fromarray(mask)


PICTURE, MASK = noise_picture(), hole()


@pytest.fixture(scope="module")
def shared_pipeline(tiny_tokenizer):
    from fixtures import tiny

    return tiny.pipeline(tiny_tokenizer)


@pytest.fixture
def pipe(shared_pipeline):
    """The pipeline, with its own scheduler again afterwards."""
    scheduler = shared_pipeline.scheduler
    yield shared_pipeline
    shared_pipeline.scheduler = scheduler


@pytest.fixture
def session(pipe, tmp_path):
    with IdentitySession(pipe, store=tmp_path, enable_progress_bar=False) as session:
        yield session


def diffusers_draws(pipe, *, seed=7, generators=None, **arguments):
    """What diffusers' own pipeline gives for these arguments, as np or latents."""
    family = StableDiffusionXLInpaintPipeline if "mask_image" in arguments else StableDiffusionXLImg2ImgPipeline
    if "mask_image" not in arguments:
        arguments = {name: value for name, value in arguments.items() if name not in SIZE}
    theirs = family(**pipe.components, **requirement(pipe), add_watermarker=False)
    theirs.set_progress_bar_config(disable=True)
    generator = generators or torch.Generator().manual_seed(seed)
    return theirs(prompt="a cat", generator=generator, **{"output_type": "np", **arguments}).images


def requirement(pipe):
    return {"requires_aesthetics_score": True} if pipe.config.get("requires_aesthetics_score") else {}


def we_draw(session, *, seed=7, **arguments):
    arguments = {"output_type": "np", "seed": seed, "overlay": False, **arguments}
    return session.generate(None, "a cat", **OFF, **arguments)


INPAINT = dict(mask_image=MASK, **SIZE)


@pytest.mark.parametrize("task", [{}, INPAINT], ids=["img2img", "inpaint"])
@pytest.mark.parametrize("form", ["tensor", "array"])
def test_floats_are_not_rounded_to_a_pictures_levels(session, task, form):
    floats = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(3))
    given = dict(
        image=floats if form == "tensor" else floats[0].permute(1, 2, 0).numpy(), strength=0.5, **GUIDED, **task
    )
    theirs = diffusers_draws(session.pipe, **given)
    assert np.array_equal(we_draw(session, **given).image, theirs[0])


@pytest.mark.parametrize("task", [{}, INPAINT], ids=["img2img", "inpaint"])
@pytest.mark.parametrize(("strength", "guidance_scale"), [(None, 4.0), (0.3, 4.0), (0.75, 1.0), (1.0, 4.0)])
def test_with_the_method_off_it_is_diffusers(session, task, strength, guidance_scale):
    given = dict(image=PICTURE, num_inference_steps=4, guidance_scale=guidance_scale, **task)
    given |= {} if strength is None else {"strength": strength}
    given |= {"num_inference_steps": 8} if task == {} and strength is None else {}
    assert np.array_equal(we_draw(session, **given).image, diffusers_draws(session.pipe, **given)[0])


SCHEDULERS = [
    *(
        "DDIM",
        "DDPM",
        "PNDM",
        "LMSDiscrete",
        "EulerAncestralDiscrete",
        "HeunDiscrete",
        "KDPM2Discrete",
        "KDPM2AncestralDiscrete",
    ),
    *("DEISMultistep", "UniPCMultistep", "DPMSolverMultistep", "DPMSolverSinglestep", "SASolver", "LCM", "TCD"),
]


@pytest.mark.parametrize("task", [{}, INPAINT], ids=["img2img", "inpaint"])
@pytest.mark.parametrize("name", SCHEDULERS)
@pytest.mark.filterwarnings("ignore")
def test_with_every_scheduler_it_is_diffusers(session, pipe, name, task):
    pipe.scheduler = getattr(diffusers, f"{name}Scheduler").from_config(pipe.scheduler.config)
    given = dict(image=PICTURE, strength=0.7, output_type="latent", num_inference_steps=4, guidance_scale=4.0, **task)
    assert torch.equal(we_draw(session, **given).image, diffusers_draws(pipe, **given)[0])


@pytest.mark.parametrize("task", [{}, INPAINT], ids=["img2img", "inpaint"])
@pytest.mark.parametrize(
    "window", [{"denoising_start": 0.6}, {"denoising_end": 0.6}, dict(denoising_start=0.3, denoising_end=0.8)]
)
@pytest.mark.parametrize("scheduler", ["EulerDiscrete", "HeunDiscrete"])
def test_parts_of_the_schedule_are_diffusers(session, pipe, task, window, scheduler):
    pipe.scheduler = getattr(diffusers, f"{scheduler}Scheduler").from_config(pipe.scheduler.config)
    given = dict(image=PICTURE, num_inference_steps=6, guidance_scale=4.0, output_type="latent", **window, **task)
    given |= {"strength": 0.9} if "denoising_start" not in window else {}
    assert torch.equal(we_draw(session, **given).image, diffusers_draws(pipe, **given)[0])


@pytest.mark.parametrize("image", [PICTURE, torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(1))])
@pytest.mark.parametrize("task", [{}, INPAINT], ids=["img2img", "inpaint"])
@pytest.mark.parametrize("given", [{}, {"timesteps": [900, 600, 300, 100]}, {"latents": True}, {"clip_skip": 1}])
def test_further_arguments_are_diffusers(session, task, given, image):
    if "latents" in given:
        given = {"latents": torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(5))}
    strength = {} if task else {"strength": 0.6}
    given = dict(image=image, **GUIDED, **strength, **task, **given)
    assert np.array_equal(we_draw(session, **given).image, diffusers_draws(session.pipe, **given)[0])


@pytest.mark.parametrize("task", [{}, INPAINT], ids=["img2img", "inpaint"])
def test_size_ids_are_those_of_diffusers(session, task):
    ids = dict(original_size=(50, 60), crops_coords_top_left=(3, 5), negative_original_size=(32, 16))
    given = dict(image=PICTURE, strength=0.6, **GUIDED, **task, **ids, negative_crops_coords_top_left=(9, 2))
    assert np.array_equal(we_draw(session, **given).image, diffusers_draws(session.pipe, **given)[0])


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("task", [{}, INPAINT], ids=["img2img", "inpaint"])
def test_half_precision_is_diffusers_and_leaves_the_vae_as_it_was(tiny_pipeline, tmp_path, task, precision):
    pipe = tiny_pipeline().to(precision)
    given = dict(image=PICTURE, strength=0.6, num_inference_steps=2, guidance_scale=4.0, output_type="latent", **task)
    with IdentitySession(pipe, store=tmp_path, enable_progress_bar=False) as session:
        ours = we_draw(session, **given).image
        assert pipe.vae.dtype == precision
    assert torch.equal(ours, diffusers_draws(pipe, **given)[0])


@pytest.mark.parametrize("task", [{}, INPAINT], ids=["img2img", "inpaint"])
def test_one_generator_draws_for_all_images_as_in_diffusers(session, task):
    given = dict(image=PICTURE, strength=0.6, num_images_per_prompt=2, output_type="latent", **GUIDED, **task)
    ours = session.generate(None, "a cat", generator=torch.Generator().manual_seed(7), overlay=False, **OFF, **given)
    theirs = diffusers_draws(session.pipe, **given)
    assert torch.allclose(torch.stack(ours.images), theirs, atol=1e-5)  # its forward takes both images at once


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


class TestInpaintingUNet:
    @pytest.fixture
    def nine(self, tiny_pipeline, tmp_path):
        with IdentitySession(
            with_unet(tiny_pipeline(), in_channels=9), store=tmp_path, enable_progress_bar=False
        ) as session:
            yield session

    @pytest.mark.parametrize("strength", [0.6, 0.9999, 1.0])
    def test_with_the_method_off_it_is_diffusers(self, nine, strength):
        given = dict(image=PICTURE, strength=strength, output_type="latent", **GUIDED, **INPAINT)
        assert torch.equal(we_draw(nine, **given).image, diffusers_draws(nine.pipe, **given)[0])

    def test_masked_latents_take_the_place_of_the_picture(self, nine):
        masked = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(1))
        given = dict(image=PICTURE, masked_image_latents=masked, output_type="latent", **GUIDED, **INPAINT)
        assert torch.equal(we_draw(nine, **given).image, diffusers_draws(nine.pipe, **given)[0])

    def test_an_identity_registers_and_draws_with_structure(self, nine, reference_image, structure_image):
        nine.register(reference_image, prompt="a photo of a cat", name="cat", box=BOX, timesteps=2)
        given = dict(image=PICTURE, seed=1, output_type="np", **GUIDED, **INPAINT)
        drawn = nine.generate(structure_image, "a cat", structure_box=BOX, appearance=EVERY, **given)
        plain = nine.generate(structure_image, "a cat", structure_box=BOX, **OFF, **given)
        assert np.isfinite(drawn.image).all() and drawn.coverage[0] > 0.1
        assert not np.allclose(drawn.image, plain.image, atol=1e-4)

    def test_without_a_mask_it_says_what_is_missing(self, nine):
        rows = []
        nine.pipe.unet.register_forward_pre_hook(lambda *_: rows.append(1))
        for given in ({}, {"image": PICTURE}):
            with pytest.raises(InputError, match="mask_image="):
                nine.generate(None, "a cat", **OFF, **given)
        with pytest.raises(InputError, match="masked_image_latents"):
            nine.generate(None, "a cat", image=torch.zeros(1, 4, 16, 16), **INPAINT, **OFF)
        assert not rows


class TestRefiner:
    """An ensemble of experts: the base model up to 0.8 of the schedule, then the refiner."""

    @pytest.fixture
    def refiner(self, tiny_pipeline):
        pipe = with_unet(tiny_pipeline(5), projection_class_embeddings_input_dim=72, cross_attention_dim=32)
        made = StableDiffusionXLImg2ImgPipeline(
            **{**pipe.components, "text_encoder": None, "tokenizer": None},
            requires_aesthetics_score=True,
            add_watermarker=False,
        )
        made.set_progress_bar_config(disable=True)
        return made

    def test_base_and_refiner_are_diffusers(self, session, refiner, tmp_path):
        given = dict(num_inference_steps=6, guidance_scale=4.0)
        base = session.generate(None, "a cat", seed=3, denoising_end=0.8, output_type="latent", **SIZE, **OFF, **given)
        session.pipe.set_progress_bar_config(disable=True)
        theirs = session.pipe(
            "a cat",
            generator=torch.Generator().manual_seed(3),
            denoising_end=0.8,
            output_type="latent",
            **SIZE,
            **given,
        ).images
        assert torch.equal(base.image, theirs[0])
        finish = dict(image=theirs, denoising_start=0.8, aesthetic_score=7.0, negative_aesthetic_score=1.5, **given)
        expected = refiner("a cat", generator=torch.Generator().manual_seed(9), output_type="np", **finish).images[0]
        with IdentitySession(refiner, store=tmp_path / "refiner", enable_progress_bar=False) as refining:
            ours = we_draw(refining, seed=9, **finish)
            assert np.array_equal(ours.image, expected)
            finish["image"] = base.image  # (C, h, w)
            assert np.array_equal(we_draw(refining, seed=9, **finish).image, expected)

    def test_a_refiner_registers_and_refines(self, refiner, tmp_path, reference_image):
        with IdentitySession(refiner, store=tmp_path, enable_progress_bar=False) as session:
            session.register(reference_image, prompt="a photo of a cat", name="cat", box=BOX, timesteps=2)
            drawn = session.generate(None, "a cat", image=PICTURE, strength=0.5, appearance=EVERY, seed=1, **GUIDED)
            assert drawn.image.size == (64, 64) and drawn.coverage[0] > 0.1
            with pytest.raises(InputError, match="refines pictures: give image="):
                session.generate(None, "a cat", **GUIDED)

    def test_other_models_take_no_aesthetic_score(self, session):
        with pytest.raises(InputError, match="aesthetic_score: this model takes no"):
            session.generate(None, "a cat", image=PICTURE, aesthetic_score=7.0, **OFF)


class TestOverlay:
    def pixels(self, session, output_type, **given):
        drawn = session.generate(None, "a cat", output_type=output_type, seed=1, **GUIDED, **OFF, **given).image
        if output_type == "pt":
            drawn = drawn.permute(1, 2, 0).numpy()
        return np.asarray(drawn)

    @pytest.mark.parametrize("output_type", ["pil", "np", "pt"])
    def test_outside_of_a_hard_mask_the_picture_stays_bit_for_bit(self, session, output_type):
        drawn = self.pixels(session, output_type, image=PICTURE, **INPAINT)
        without = self.pixels(session, output_type, image=PICTURE, overlay=False, **INPAINT)
        scale = 255 if output_type == "pil" else 1
        outside, picture = np.asarray(MASK) == 0, np.asarray(PICTURE, np.float32) / 255 * scale
        assert np.abs(drawn[outside] - picture[outside]).max() < (1e-9 if output_type == "pil" else 1e-6)
        assert np.abs(without[outside] - picture[outside]).mean() > 0.02 * scale
        x0, y0, x1, y1 = HOLE
        deep = (slice(y0 + 4, y1 - 4), slice(x0 + 4, x1 - 4))
        assert np.abs(drawn[deep] - without[deep]).max() <= (0 if output_type == "pil" else 1e-6)

    def test_the_ramp_lies_within_the_mask(self, session):
        drawn = self.pixels(session, "np", image=Image.new("RGB", (64, 64), "white"), **INPAINT)
        without = self.pixels(session, "np", image=Image.new("RGB", (64, 64), "white"), overlay=False, **INPAINT)
        y, x0 = 38, HOLE[0]
        share = (1 - drawn[y, x0 - 1 : x0 + 5]) / (1 - without[y, x0 - 1 : x0 + 5])
        assert np.allclose(share.mean(axis=1), [0, 0.25, 0.5, 0.75, 1, 1], atol=1e-3)

    def test_a_soft_mask_blends_with_its_own_values(self, session):
        soft = np.asarray(MASK).copy()
        soft[20:56, 40:44] = 64
        soft[20:56, 36:40] = 192
        drawn, without = (
            self.pixels(session, "np", image=PICTURE, mask_image=soft, overlay=overlay, **SIZE)
            for overlay in (True, False)
        )
        picture = np.asarray(PICTURE) / 255
        for column, grey in ((42, 64), (38, 192), (30, 255), (2, 0)):
            share = grey / 255
            expected = picture[30, column] * (1 - share) + without[30, column] * share
            assert np.allclose(drawn[30, column], expected, atol=1e-5)

    def test_a_picture_of_another_size_is_stretched_as_diffusers_does(self, session):
        picture, mask = noise_picture(2, (96, 48)), hole((20, 10, 70, 40), (96, 48))
        drawn = self.pixels(session, "pil", image=picture, mask_image=mask, **SIZE)
        stretched = np.asarray(picture.resize((64, 64), Image.Resampling.LANCZOS))
        outside = np.asarray(mask.resize((64, 64), Image.Resampling.LANCZOS)) == 0
        assert outside.mean() > 0.3 and np.array_equal(drawn[outside], stretched[outside])

    def test_a_crop_is_drawn_at_full_size_and_laid_over_as_in_diffusers(self, session):
        picture, mask = noise_picture(2, (200, 160)), hole((120, 90, 160, 130), (200, 160))
        given = dict(image=picture, mask_image=mask, padding_mask_crop=8, output_type="pil", **GUIDED, **SIZE)
        ours, theirs = we_draw(session, **given).image, diffusers_draws(session.pipe, **given)[0]
        assert ours.size == (200, 160) and np.array_equal(ours, theirs)
        outside = np.asarray(mask) == 0
        assert np.array_equal(np.asarray(ours)[outside], np.asarray(picture)[outside])


INTO = dict(image=PICTURE, seed=1, appearance=EVERY, num_inference_steps=2, guidance_scale=4.0, **INPAINT)


class TestWhereTheSubjectGoes:
    @pytest.fixture
    def cat(self, session, reference_image):
        session.register(reference_image, prompt="a photo of a cat", name="cat", box=BOX, timesteps=1)
        return session

    @pytest.fixture
    def plans(self, monkeypatch):
        seen = []
        run = DenoisingLoop.run
        monkeypatch.setattr(
            DenoisingLoop, "run", lambda loop, *given: (seen.append(loop.plans[0]), run(loop, *given))[1]
        )
        return seen

    def test_the_mask_bounds_where_the_subject_can_be(self, cat, plans):
        masked = cat.generate(None, "a cat", output_type="latent", **INTO)
        region, subject = plans[0].region[0, 0], plans[0].subjects[0]
        assert region[5:14, 3:11].eq(1).all() and region.sum() == 9 * 8
        assert subject.searched and {len(each) for each in subject.targets.values()} == {8, 25}
        named = cat.generate(None, "a cat", identity={"cat": MASK}, output_type="latent", **INTO)
        assert plans[1].region.equal(plans[0].region) and not plans[1].subjects[0].searched
        assert not torch.equal(masked.image, named.image)  # a region is filled, a mask may be wider than the subject

    def test_regions_are_cut_to_the_mask_and_none_may_lie_outside(self, cat, plans):
        cat.generate(None, "a cat", identity={"cat": (0, 0, 28, 64)}, **INTO)
        assert plans[0].region.sum() == 9 * 4
        with pytest.raises(InputError, match="'cat' lies outside of mask_image"):
            cat.generate(None, "a cat", identity={"cat": (0, 0, 64, 12)}, **INTO)

    def test_another_structure_image_is_moved_into_the_hole(self, cat, structure_image):
        aligned = cat.generate(structure_image, "a cat", structure_box=BOX, **INTO).aligned[0]
        wide = cat.generate(structure_image, "a cat", structure_box=(0.0, 60.0, 128.0, 100.0), **INTO).aligned[0]
        scale = min(32 / 80, 36 / 90)
        assert aligned.size == (64, 64)
        assert np.allclose(
            np.asarray(aligned)[40, 28], np.asarray(structure_image)[110 - round(16 / scale), 60], atol=60
        )
        assert not np.array_equal(aligned, wide)

    def test_the_picture_itself_stays_where_it_is(self, cat, plans, tmp_path):
        PICTURE.save(tmp_path / "picture.png")
        for same in (PICTURE, PICTURE.copy(), tmp_path / "picture.png"):
            drawn = cat.generate(same, "a cat", structure_box=(0, 0, 28, 40), **INTO)
            assert np.array_equal(drawn.aligned[0], PICTURE)
        assert plans[-1].region.sum() == 5 * 4  # box and mask have 20 latents in common
        cat.generate(PICTURE, "a cat", structure_box=(0, 0, 64, 10), **INTO)
        assert plans[-1].region.sum() == 9 * 8  # of a subject elsewhere nobody knows where it goes within the mask

    def test_an_unaligned_subject_outside_of_the_mask_is_refused(self, cat, structure_image):
        with pytest.raises(SubjectNotFound, match="outside of mask_image"):
            cat.generate(
                structure_image,
                "a cat",
                structure_box=(100, 0, 128, 20),
                alignment=Alignment(enabled=False),
                **INTO,
            )

    def test_a_crop_takes_the_mask_and_the_structure_along(self, cat, plans):
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


class TestProgress:
    @pytest.fixture
    def gammas(self, monkeypatch):
        seen = []
        rows = DenoisingLoop._rows
        monkeypatch.setattr(DenoisingLoop, "_rows", lambda *given: (seen.append(given[2]), rows(*given))[1])
        return seen

    def test_it_counts_on_the_whole_schedule(self, session, gammas):
        session.generate(None, "a cat", seed=1, num_inference_steps=5, **SIZE, **OFF)
        whole = gammas.copy()
        assert whole == [0, 0.25, 0.5, 0.75, 1]
        for window, expected in (
            (dict(image=PICTURE, strength=0.6), whole[2:]),
            (dict(image=PICTURE, denoising_start=0.4), whole[2:]),
            (dict(denoising_end=0.6), whole[:3]),
        ):
            gammas.clear()
            session.generate(None, "a cat", seed=1, num_inference_steps=5, **SIZE, **OFF, **window)
            assert gammas == expected

    def test_a_short_window_asks_for_no_more_than_it_samples(self, session, reference_image):
        session.register(reference_image, prompt="a photo of a cat", name="cat", box=BOX, timesteps=[900, 500, 100])
        drawn = session.generate(None, "a cat", image=PICTURE, strength=0.25, num_inference_steps=8, seed=1)
        assert drawn.timestep_distance[0] < 110  # only the last two of eight, near the anchor at 100
        assert drawn.settings[0]["strength"] == 0.25


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (dict(mask_image=MASK), "mask_image= needs image="),
        (dict(strength=0.5), "strength=0.5 needs a picture"),
        (dict(denoising_start=0.5), "denoising_start=0.5 needs a picture"),
        (dict(image=PICTURE, strength=1.5), "strength=1.5"),
        (dict(image=PICTURE, strength=0), "strength=0:"),
        (dict(image=PICTURE, strength=0.2, num_inference_steps=2), "strength=0.2 leaves none of 2 steps"),
        (dict(image=PICTURE, denoising_start=0.8, denoising_end=0.8), "below denoising_end=0.8"),
        (dict(denoising_end=1.0), "denoising_end=1.0"),
        (dict(image=PICTURE, mask_image=np.zeros((64, 64), np.uint8)), "black everywhere"),
        (dict(image=PICTURE, mask_image=hole((2, 2, 3, 3)), **SIZE), "too small"),
        (dict(image=PICTURE, mask_image=hole((2, 2, 30, 30), (64, 128)), **SIZE), "aspect ratio"),
        (dict(image=[PICTURE, PICTURE, PICTURE], mask_image=[MASK, MASK]), "one length"),
        (dict(image=[PICTURE, None]), "none has"),
        (dict(image=[]), "empty list"),
        (dict(image=torch.zeros(1, 4, 8, 8), **INPAINT), "latents of shape"),
        (dict(image=torch.full((1, 4, 16, 16), torch.nan)), "finite"),
        (dict(image=PICTURE, padding_mask_crop=8), "needs mask_image="),
        (dict(image=PICTURE, padding_mask_crop=-1, **INPAINT), "padding_mask_crop=-1"),
        (dict(image=PICTURE, padding_mask_crop=8, output_type="np", **INPAINT), "output_type='np'"),
        (
            dict(image=PICTURE, strength=0.5, latents=torch.zeros(1, 4, 16, 16), **INPAINT),
            "latents= beside mask_image=",
        ),
        (dict(image=Image.new("RGB", (10, 10))), "height=8"),
    ],
)
def test_what_does_not_go_together_is_refused_before_any_work(session, given, told):
    rows, before = [], dict(session.pipe.__dict__)
    handle = session.pipe.unet.register_forward_pre_hook(lambda *_: rows.append(1))
    with pytest.raises(InputError, match=told):
        session.generate(None, "a cat", **OFF, **given)
    handle.remove()
    assert not rows and session.pipe.__dict__ == before


def test_after_a_call_and_an_error_the_pipeline_is_as_it_was(session):
    before = dict(session.pipe.__dict__)

    def stop(pipe, index, timestep, tensors):
        assert pipe.num_timesteps == 2 and pipe._denoising_start is None
        raise KeyboardInterrupt

    given = dict(image=PICTURE, strength=0.5, **GUIDED, **INPAINT, **OFF)
    session.generate(None, "a cat", **given)
    with pytest.raises(KeyboardInterrupt):
        session.generate(None, "a cat", callback_on_step_end=stop, **given)
    assert session.pipe.__dict__ == before


def test_a_picture_without_a_mask_may_be_of_any_kind_and_keeps_its_size(session, tmp_path):
    PICTURE.save(tmp_path / "picture.png")
    kinds = [tmp_path / "picture.png", np.asarray(PICTURE), torch.from_numpy(np.array(PICTURE)).permute(2, 0, 1)]
    drawn = [we_draw(session, image=kind, strength=0.5, **GUIDED).image for kind in (PICTURE, *kinds)]
    assert drawn[0].shape == (64, 64, 3) and all(np.array_equal(drawn[0], each) for each in drawn[1:])


def test_settings_travel_in_the_png_and_name_the_picture_by_its_digest(session, tmp_path):
    drawn = session.generate(None, "a cat", image=PICTURE, strength=0.5, seed=1, **GUIDED, **INPAINT, **OFF)
    drawn.image.save(tmp_path / "drawn.png")
    settings = read_settings(tmp_path / "drawn.png")
    assert len(settings["image"]) == len(settings["mask_image"]) == 64 and settings["image"] != settings["mask_image"]
    assert settings["strength"] == 0.5 and settings["overlay"] is True and settings["padding_mask_crop"] is None


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


def test_a_controlnet_draws_into_a_mask_as_in_diffusers(tiny_pipeline, tmp_path):
    from fixtures import tiny_adapter

    pipe = tiny_pipeline()
    net = tiny_adapter.controlnet(tmp_path / "net", pipe.unet)
    frame = noise_picture(4)
    given = dict(image=PICTURE, strength=0.75, output_type="latent", **GUIDED, **INPAINT)
    family = diffusers.StableDiffusionXLControlNetInpaintPipeline
    with IdentitySession(pipe, store=tmp_path / "store", controlnet=net, enable_progress_bar=False) as session:
        ours = session.generate(
            frame,
            "a cat",
            seed=7,
            structure_control=Structure("controlnet"),
            alignment=Alignment(False),
            **OFF,
            **given,
        )
        theirs = family(**pipe.components, controlnet=session.backbone.controlnet, add_watermarker=False)
        theirs.set_progress_bar_config(disable=True)
        seed = torch.Generator().manual_seed(7)
        expected = theirs(
            "a cat", generator=seed, control_image=frame, controlnet_conditioning_scale=1.0, **given
        ).images[0]
    assert torch.equal(ours.image, expected)
