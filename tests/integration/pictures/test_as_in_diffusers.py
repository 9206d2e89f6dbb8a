"""With the method off, drawing into pictures is diffusers' img2img and inpainting, bit for bit."""

from __future__ import annotations

import diffusers
import numpy as np
import pytest
import torch
from fixtures.pictures import GUIDED, INPAINT, OFF, PICTURE, diffusers_draws, noise_picture, we_draw

from seal_sdk import Alignment, IdentitySession, Structure


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
