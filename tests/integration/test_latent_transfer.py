"""Latent transfer in whole images: the subject comes nearer to its reference."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from seal_sdk import Appearance, IdentitySession
from seal_sdk.identity import Identity

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
