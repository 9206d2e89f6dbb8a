"""Training of the VAE."""

from __future__ import annotations

import torch

from seal_sdk.pocket.models import build_vae
from seal_sdk.pocket.train.vae import LATENT_STD, normalise_latents, reconstruct


def test_normalising_latents_keeps_the_images(held_out_pixels):
    torch.manual_seed(0)
    vae = build_vae()
    pixels = held_out_pixels(4)
    before = reconstruct(vae, pixels)
    normalise_latents(vae, pixels)
    latents = vae.encode(pixels).latent_dist.mode()
    assert torch.allclose(reconstruct(vae, pixels), before, atol=1e-3)
    assert latents.mean(dim=(0, 2, 3)).abs().max() < 1e-3
    assert torch.allclose(latents.std(dim=(0, 2, 3)), torch.tensor(LATENT_STD), atol=1e-3)
