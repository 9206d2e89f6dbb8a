"""What latent transfer does at the last step, where only means move."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from seal_sdk.generation.forward import Forward
from seal_sdk.generation.infusion_step import Step, transfer
from seal_sdk.method.latent_transfer.correspondence import Correspondence
from seal_sdk.method.latent_transfer.reference_latents import ReferenceLatents
from seal_sdk.method.noise_level import NoiseLevel

LEVEL = NoiseLevel(0.8, 0.6, "epsilon")
LAST = Step(19, torch.tensor(1), 1.0)


@pytest.mark.parametrize("edited", [False, True])
def test_at_the_last_step_the_mean_moves_to_that_of_a_reference_unless_the_prompt_edits_it(edited):
    generator = torch.Generator().manual_seed(0)
    guided, noisy, latents = (torch.randn(1, 3, 8, 8, generator=generator) for _ in range(3))
    whole = torch.ones(1, 1, 8, 8)
    subject = SimpleNamespace(
        reference=ReferenceLatents(latents, whole, whole), retention={"layer": torch.ones(16)} if edited else None
    )
    found = Correspondence(torch.eye(16), torch.ones(16), torch.ones(16), torch.arange(16), 16)
    forward = Forward(("generation",), detail=0.0, mean_shift=1.0, correspondences={0: {16: found}})
    call = SimpleNamespace(backbone=SimpleNamespace(noise_level=lambda timestep: LEVEL))
    moved = transfer(call, SimpleNamespace(subjects=(subject,), region=whole), forward, LAST, guided, noisy)
    mean = LEVEL.clean(moved, noisy).mean((-2, -1))
    assert torch.equal(moved, guided) == edited
    assert torch.allclose(mean, latents.mean((-2, -1)), atol=1e-5) == (not edited)
