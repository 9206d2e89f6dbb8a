"""Latent transfer in whole images: the subject comes nearer to its reference."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from seal_sdk import Appearance, IdentitySession
from seal_sdk.generation import infusion_step, subject_planner
from seal_sdk.generation.prompt_edits import EditedReference
from seal_sdk.identity import Identity
from seal_sdk.method.latent_transfer.stride import Stride

BOX = (20.0, 20.0, 100.0, 110.0)
FAST = dict(seed=3, num_inference_steps=6)


@pytest.fixture
def session(tiny_pipeline, tmp_path, reference_image):
    with IdentitySession(tiny_pipeline(), store=tmp_path / "store", enable_progress_bar=False) as session:
        session.register(reference_image, prompt="a photo", name="one", box=BOX, timesteps=2)
        yield session


def draw(session, image, detail):
    settings = Appearance(tau=-1.0, schedule="constant", detail=detail)
    drawn = session.generate(image, "a photo", structure_box=BOX, appearance=settings, output_type="latent", **FAST)
    return drawn.image


def test_the_subject_comes_nearer_to_the_reference(session, reference_image):
    reference = torch.from_numpy(session.identities["one"].latents)[0]
    far, near = (draw(session, reference_image, detail) for detail in (0.0, 0.7))
    inside = (slice(None), slice(8, 24), slice(8, 22))
    assert (near - reference)[inside].abs().mean() < (far - reference)[inside].abs().mean()


def test_identities_without_stored_latents_draw_the_same(session, reference_image, monkeypatch):
    stored = draw(session, reference_image, 0.7)
    monkeypatch.setattr(Identity, "latents", None)
    assert torch.equal(draw(session, reference_image, 0.7), stored)


def test_latents_are_stored_with_the_identity(session):
    latents = session.identities["one"].latents
    assert latents.dtype == np.float32 and latents.shape == (1, 4, 32, 32)


@pytest.fixture
def transferred(monkeypatch):
    """The references whose latents are transferred, of each step."""
    seen, transfer = [], infusion_step.transfer_latents

    def watched(guided, noisy, matched, **given):
        seen.extend(reference for _, reference in matched)
        return transfer(guided, noisy, matched, **given)

    monkeypatch.setattr(infusion_step, "transfer_latents", watched)
    return seen


@pytest.mark.parametrize(("side", "doublings", "stride"), [(128, 0, (1, 1)), (256, 1, (2, 1)), (64, -1, (1, 2))])
@pytest.mark.parametrize("edit", [0.0, 0.5])
def test_a_reference_is_encoded_at_the_pictures_scale(
    session, reference_image, transferred, monkeypatch, side, doublings, stride, edit
):
    """With what the prompt changes in it, and the mask of its subject."""
    if edit:
        own = session.identities["one"].latents
        mask = torch.ones(1, 1, 32, 32)
        monkeypatch.setattr(
            subject_planner, "_edit", lambda *_: EditedReference(torch.from_numpy(own) + edit, mask, mask)
        )
    given = dict(height=side, width=side, seed=3, num_inference_steps=3, appearance=Appearance(tau=-1.0))
    session.generate(reference_image, "a photo", structure_box=BOX, **given)
    resized = reference_image.convert("RGB").resize((side, side), Image.Resampling.LANCZOS)
    expected = session.backbone.encode_image(resized)
    assert torch.allclose(transferred[0].latents, expected + edit, atol=1e-5)
    assert transferred[0].subject.shape[-2:] == (side // 4, side // 4)
    assert transferred[0].strides == (Stride(*stride),) and transferred[0].doublings == doublings
    assert transferred[0].latent_size == (32, 32)
    redrawn = transferred[0].redrawn
    assert redrawn is None if not edit else redrawn.shape[-2:] == (side // 4, side // 4)


def test_a_subject_in_a_small_region_takes_a_smaller_reference(session, transferred):
    given = dict(seed=3, num_inference_steps=3, appearance=Appearance(tau=-1.0))
    session.generate(None, "a photo", identity={"one": (10, 70, 60, 110)}, **given)
    assert transferred[0].strides == (Stride(1, 2),) and transferred[0].latents.shape == (1, 4, 16, 16)
