"""Training the VAE on random crops, and turning the set into latents."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from PIL import Image
from torch import Tensor
from torch.nn.functional import avg_pool2d

from seal_sdk.pocket.models import VAE_FACTOR, build_vae
from seal_sdk.pocket.train.data import HELD_BACK, TrainingSet
from seal_sdk.pocket.train.loop import Recipe, Training, averaged

CROP = 64
KL_WEIGHT = 2e-4
L1_WEIGHT = 0.02
LAYOUT_WEIGHT = 0.3  # of the pull of the first three channels to the image at a quarter of its size: such latents are easy to denoise
SPREAD = (1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.5)  # standard deviation per channel: detail is quieter than layout


def to_pixels(images: np.ndarray) -> Tensor:
    """(B, H, W, 3) uint8 to (B, 3, H, W) in [-1, 1]."""
    pixels = torch.from_numpy(np.array(images)).permute(0, 3, 1, 2).float() / 127.5 - 1
    return pixels.contiguous(memory_format=torch.channels_last)


def psnr(images: Tensor, others: Tensor) -> Tensor:
    """Peak signal-to-noise ratio (B,) in dB of images in [-1, 1]; higher is better."""
    return -10 * torch.log10(((images - others) / 2).square().mean(dim=(1, 2, 3)))


@torch.no_grad()
def reconstruct(vae: AutoencoderKL, pixels: Tensor) -> Tensor:
    return vae.decode(vae.encode(pixels).latent_dist.mode()).sample.clamp(-1, 1)


def train_vae(folder: Path, recipe: Recipe, device: torch.device) -> None:
    data = TrainingSet.open(folder)

    def loss(vae: torch.nn.Module, seed: int) -> Tensor:
        rng = np.random.default_rng([recipe.seed, seed])
        side = data.images.shape[1] - CROP + 1
        top, left = rng.integers(0, side, 2)
        picked = sorted(rng.integers(0, len(data), recipe.batch))
        pixels = to_pixels(np.stack([data.images[i, top : top + CROP, left : left + CROP] for i in picked])).to(device)
        posterior = vae.encode(pixels).latent_dist  # type: ignore[operator]
        rebuilt = vae.decode(posterior.mean + posterior.std * torch.randn_like(posterior.mean)).sample  # type: ignore[operator]
        kl = 0.5 * (posterior.mean.square() + posterior.var - 1 - posterior.logvar).mean()
        difference = rebuilt - pixels
        layout = (posterior.mean[:, :3] - avg_pool2d(pixels, VAE_FACTOR)).square().mean()
        fidelity = difference.square().mean() + L1_WEIGHT * difference.abs().mean()
        return fidelity + LAYOUT_WEIGHT * layout + KL_WEIGHT * kl

    def report(training: Training) -> None:
        vae = build_vae()
        vae.load_state_dict({name: tensor.cpu() for name, tensor in training.average.items()})
        pixels = to_pixels(data.images[-HELD_BACK:][:32])
        rebuilt = reconstruct(vae, pixels)
        print(
            f"vae {training.step} loss {training.mean_loss:.5f} psnr {psnr(pixels, rebuilt).mean():.2f} dB", flush=True
        )
        save_sheet(torch.cat([pixels[:8], rebuilt[:8]]), 8, folder / "vae.png")

    model = build_vae().to(memory_format=torch.channels_last)
    Training(model, recipe, folder / "vae.pt", device).run(loss, report, every=300)


def save_sheet(pixels: Tensor, columns: int, path: Path) -> None:
    """A contact sheet of (B, 3, H, W) images in [-1, 1]."""
    images = ((pixels.float().clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    rows = [np.concatenate(list(images[start : start + columns]), axis=1) for start in range(0, len(images), columns)]
    Image.fromarray(np.concatenate(rows)).save(path)


@torch.no_grad()
def normalise_latents(vae: AutoencoderKL, pixels: Tensor) -> None:
    """Rescale the VAE's inner convolutions so that latents have mean 0 and ``SPREAD`` per channel; images stay what they were."""
    latents = vae.encode(pixels).latent_dist.mode()
    mean, std = latents.mean(dim=(0, 2, 3)), latents.std(dim=(0, 2, 3)) / torch.tensor(SPREAD)
    into, out, channels = vae.quant_conv, vae.post_quant_conv, len(mean)
    out.bias += (out.weight * mean[None, :, None, None]).sum(dim=(1, 2, 3))
    out.weight *= std[None, :, None, None]
    into.weight[:channels] /= std[:, None, None, None]
    into.bias[:channels] = (into.bias[:channels] - mean) / std
    into.bias[channels:] -= 2 * std.log()  # the other half holds log variances


@torch.no_grad()
def write_latents(folder: Path, device: torch.device) -> None:
    """Normalise the VAE, where one was trained, into ``vae/``, and write the set's ``latents.npy`` (N, 8, 32, 32) fp16."""
    images = TrainingSet.open(folder).images
    if (folder / "vae.pt").is_file():
        trained = build_vae()
        trained.load_state_dict(averaged(folder / "vae.pt"))
        normalise_latents(trained, to_pixels(images[:512]))
        trained.save_pretrained(folder / "vae")
    vae = AutoencoderKL.from_pretrained(folder / "vae", dtype=torch.float32)
    vae.to(device, memory_format=torch.channels_last)
    batches = [
        vae.encode(to_pixels(images[start : start + 64]).to(device)).latent_dist.mode().half().cpu().numpy()
        for start in range(0, len(images), 64)
    ]
    np.save(folder / "latents.npy", np.concatenate(batches))
