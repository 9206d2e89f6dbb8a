"""Every scheduler of SDXL's family registers and draws, and draws what plain diffusers draws where the method is off."""

from __future__ import annotations

import json

import diffusers
import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, DPMSolverSinglestepScheduler, EulerDiscreteScheduler

from seal_sdk import Appearance, DeltaBridge, IdentitySession

BOX = (20.0, 20.0, 100.0, 110.0)
pytestmark = pytest.mark.filterwarnings("ignore:__array_wrap__:DeprecationWarning")  # of numpy functions on tensors
OFF = dict(appearance=Appearance(delta=0), delta_bridge=DeltaBridge(strength=0))
STEPS = dict(num_inference_steps=4, guidance_scale=4.0)
PLAIN = (
    "DDIM DDPM DEISMultistep DPMSolverMultistep DPMSolverSinglestep EulerAncestralDiscrete EulerDiscrete HeunDiscrete "
    "KDPM2AncestralDiscrete KDPM2Discrete LCM LMSDiscrete PNDM SASolver TCD UniPCMultistep"
)
VARIANTS = {
    "dpm++-2m-karras": (DPMSolverMultistepScheduler, dict(use_karras_sigmas=True)),
    "dpm++-2m-sde-karras": (
        DPMSolverMultistepScheduler,
        dict(use_karras_sigmas=True, algorithm_type="sde-dpmsolver++"),
    ),
    "dpm++-lu": (DPMSolverMultistepScheduler, dict(use_lu_lambdas=True, euler_at_final=True)),
    "dpm++-singlestep-karras": (DPMSolverSinglestepScheduler, dict(use_karras_sigmas=True)),
    "euler-karras-trailing": (EulerDiscreteScheduler, dict(use_karras_sigmas=True, timestep_spacing="trailing")),
    "trained-betas": (DDIMScheduler, dict(trained_betas=np.linspace(1e-4, 0.02, 1000))),
}
ALL = {name: (getattr(diffusers, f"{name}Scheduler"), {}) for name in PLAIN.split()} | VARIANTS


@pytest.fixture
def pipe(tiny_pipeline, request):
    kind, config = ALL[request.param]
    pipe = tiny_pipeline()
    pipe.scheduler = kind.from_config(pipe.scheduler.config, **config)
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.mark.parametrize("pipe", ALL, indirect=True)
def test_an_identity_is_registered_found_again_and_drawn(pipe, tmp_path, reference_image, structure_image):
    with IdentitySession(pipe, store=tmp_path, enable_progress_bar=False) as session:
        how = dict(prompt="a photo of a cat", name="cat", box=BOX, num_inference_steps=4, timesteps="exact")
        identity = session.register(reference_image, **how)
        assert session.register(reference_image, **how).digest == identity.digest
        drawn = session.generate(structure_image, "a red cat", structure_box=BOX, seed=3, output_type="np", **STEPS)
        json.dumps(identity.stored.recipe, allow_nan=False)
    assert np.isfinite(drawn.image).all() and drawn.coverage[0] > 0


@pytest.mark.parametrize("pipe", ALL, indirect=True)
def test_with_the_method_off_it_is_plain_diffusers(pipe, tmp_path):
    with IdentitySession(pipe, store=tmp_path, enable_progress_bar=False, **OFF) as session:
        ours = session.generate(None, "a cat", seed=7, output_type="np", **STEPS)
    theirs = pipe(prompt="a cat", generator=torch.Generator().manual_seed(7), output_type="np", **STEPS)
    assert np.array_equal(ours.image, theirs.images[0])


def test_configurations_that_differ_in_an_array_or_an_infinity_are_told_apart(tiny_pipeline):
    from seal_sdk.backbone.scheduler_recipe import scheduler_recipe

    betas = np.linspace(1e-4, 0.02, 1000)
    other = betas.copy()
    other[500] *= 1.01
    recipes = [scheduler_recipe(DDIMScheduler(trained_betas=each)) for each in (betas, other)]
    recipes += [
        scheduler_recipe(DPMSolverMultistepScheduler(lambda_min_clipped=each))
        for each in (-float("inf"), -5.1, float("nan"))
    ]
    assert len({json.dumps(each, allow_nan=False) for each in recipes}) == 5
