"""Training of the VAE on random crops, and encoding of the training set to latents.

A VAE of another design than the shipped one learns the shipped one's latents as its first channels, so that the shipped UNet's inner
layers know what they see; the other channels hold what the larger pictures show besides (`first_latents`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from PIL import Image
from torch import Tensor
from torch.nn.functional import avg_pool2d

from seal_sdk.pocket import PIPELINE_FOLDER
from seal_sdk.pocket.design import SHIPPED, Design
from seal_sdk.pocket.models import build_vae, channels_last, load_vae
from seal_sdk.pocket.train.data import HELD_OUT_IMAGES, TrainingSet
from seal_sdk.pocket.train.loop import Training, TrainingConfig, load_ema

CROP = 16  # latents a side
KL_WEIGHT = 2e-4
L1_WEIGHT = 0.02
LAYOUT_WEIGHT = (
    0.3  # pulls the first three channels to the image at a quarter of its size: such latents are easy to denoise
)
LATENT_STD = (1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.5)  # per channel; smaller where channels hold detail, not layout


def to_pixels(images: np.ndarray) -> Tensor:
    """Convert images (B, H, W, 3) uint8 to pixels (B, 3, H, W) in [-1, 1]."""
    pixels = torch.from_numpy(np.array(images)).permute(0, 3, 1, 2).float() / 127.5 - 1
    return pixels.contiguous(memory_format=torch.channels_last)


def psnr(images: Tensor, others: Tensor) -> Tensor:
    """Return the peak signal-to-noise ratio (B,) in dB between images (B, 3, H, W) in [-1, 1]."""
    return -10 * torch.log10(((images - others) / 2).square().mean(dim=(1, 2, 3)))


@torch.no_grad()
def reconstruct(vae: AutoencoderKL, pixels: Tensor) -> Tensor:
    """Encode and decode pixels (B, 3, H, W) in [-1, 1]."""
    rebuilt: Tensor = vae.decode(vae.encode(pixels).latent_dist.mode()).sample.clamp(-1, 1)
    return rebuilt


def train_vae(folder: Path, config: TrainingConfig, device: torch.device) -> None:
    """Train the VAE on the set in ``folder``. Checkpoint: ``vae.pt``; reconstructions to look at: ``vae.png``."""
    data, design = TrainingSet.open(folder), Design.of(folder)
    torch.manual_seed(config.seed)
    wanted = first_latents(design, device)

    def loss(vae: AutoencoderKL, seed: int) -> Tensor:
        rng = np.random.default_rng([config.seed, seed])
        crop = CROP * design.vae_factor
        top, left = rng.integers(0, design.image_size - crop + 1, 2)
        picked = sorted(rng.integers(0, len(data), config.batch))
        pixels = to_pixels(np.stack([data.images[i, top : top + crop, left : left + crop] for i in picked])).to(device)
        posterior = vae.encode(pixels).latent_dist
        rebuilt = vae.decode(posterior.mean + posterior.std * torch.randn_like(posterior.mean)).sample
        kl = 0.5 * (posterior.mean.square() + posterior.var - 1 - posterior.logvar).mean()
        difference, target = rebuilt - pixels, wanted(pixels)
        layout = (posterior.mean[:, : target.shape[1]] - target).square().mean()
        fidelity = difference.square().mean() + L1_WEIGHT * difference.abs().mean()
        total: Tensor = fidelity + LAYOUT_WEIGHT * layout + KL_WEIGHT * kl
        return total

    def report(training: Training[AutoencoderKL]) -> None:
        vae = build_vae(design)
        vae.load_state_dict({name: tensor.cpu() for name, tensor in training.ema.items()})
        pixels = to_pixels(data.images[-HELD_OUT_IMAGES:][:32])
        rebuilt = reconstruct(vae, pixels)
        print(
            f"vae {training.step} loss {training.mean_loss:.5f} psnr {psnr(pixels, rebuilt).mean():.2f} dB", flush=True
        )
        save_contact_sheet(torch.cat([pixels[:8], rebuilt[:8]]), 8, folder / "vae.png")

    Training(channels_last(build_vae(design)), config, folder / "vae.pt", device).run(loss, report, every=300)


def first_latents(design: Design, device: torch.device) -> Callable[[Tensor], Tensor]:
    """What the first channels of the latents are pulled to, by pixels (B, 3, H, W).

    For the shipped design these are three: the pixels at the latents' size. For others they are those of the shipped VAE.
    """
    if design == SHIPPED:
        return lambda pixels: avg_pool2d(pixels, design.vae_factor)
    vae, shrink = channels_last(load_vae(PIPELINE_FOLDER / "vae", device)), design.vae_factor // SHIPPED.vae_factor

    @torch.no_grad()
    def encoded(pixels: Tensor) -> Tensor:
        latents: Tensor = vae.encode(avg_pool2d(pixels, shrink)).latent_dist.mode()
        return latents

    return encoded


def save_contact_sheet(pixels: Tensor, columns: int, path: Path) -> None:
    """Save images (B, 3, H, W) in [-1, 1] side by side, so many columns wide."""
    images = ((pixels.float().clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    rows = [np.concatenate(list(images[start : start + columns]), axis=1) for start in range(0, len(images), columns)]
    Image.fromarray(np.concatenate(rows)).save(path)


@torch.no_grad()
def normalise_latents(vae: AutoencoderKL, pixels: Tensor, design: Design = SHIPPED) -> None:
    """Rescale the VAE's inner convolutions so that latents have mean 0 and standard deviation `LATENT_STD` per channel.

    Channels that were learned from the shipped VAE have them already. Reconstructions stay the same.

    Args:
        vae: Changed in place.
        pixels: (B, 3, H, W) in [-1, 1], over which mean and deviation are taken.
        design: Of the VAE.
    """
    latents = vae.encode(pixels).latent_dist.mode()
    learned = 0 if design == SHIPPED else SHIPPED.latent_channels
    targets = torch.tensor(LATENT_STD + LATENT_STD[-1:] * (design.latent_channels - SHIPPED.latent_channels))
    mean, std = latents.mean(dim=(0, 2, 3)), latents.std(dim=(0, 2, 3)) / targets
    mean[:learned], std[:learned] = 0.0, 1.0
    into, out, channels = vae.quant_conv, vae.post_quant_conv, len(mean)
    assert into is not None and out is not None and into.bias is not None and out.bias is not None
    out.bias += (out.weight * mean[None, :, None, None]).sum(dim=(1, 2, 3))
    out.weight *= std[None, :, None, None]
    into.weight[:channels] /= std[:, None, None, None]
    into.bias[:channels] = (into.bias[:channels] - mean) / std
    into.bias[channels:] -= 2 * std.log()  # the other half holds log variances


@torch.no_grad()
def write_latents(folder: Path, device: torch.device) -> None:
    """Write the latents of the training set, ``latents.npy`` (N, C, 32, 32) fp16.

    If a VAE was trained in ``folder``, it is normalised and saved as ``vae/`` first; else ``vae/`` has to exist.
    """
    images = TrainingSet.open(folder).images
    if (folder / "vae.pt").is_file():
        design = Design.of(folder)
        trained = build_vae(design)
        trained.load_state_dict(load_ema(folder / "vae.pt"))
        normalise_latents(trained, to_pixels(images[:512]), design)
        trained.save_pretrained(folder / "vae")
    vae = channels_last(load_vae(folder / "vae", device))
    batches = [
        vae.encode(to_pixels(images[start : start + 64]).to(device)).latent_dist.mode().half().cpu().numpy()
        for start in range(0, len(images), 64)
    ]
    np.save(folder / "latents.npy", np.concatenate(batches))
