"""Training of Pocket's IP-Adapter: an image of a subject becomes tokens that the UNet attends to beside the prompt (arXiv 2308.06721).

Theirs has CLIP's image encoder and is trained to draw the very image that it sees. Pocket has no CLIP: its image encoder (`image_encoder`)
is trained further along, and what it sees is the subject in another pose and on another scene, so that it learns the subject and nothing
else.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor, nn

from seal_sdk.pocket import world
from seal_sdk.pocket.models import Denoiser
from seal_sdk.pocket.train.data import CAPTIONS
from seal_sdk.pocket.train.frozen import FrozenDenoiser
from seal_sdk.pocket.train.image_encoder import CHECKPOINT, EMBEDDING, build_image_encoder, normalized
from seal_sdk.pocket.train.loop import Training, TrainingConfig, load_ema
from seal_sdk.pocket.train.unet import Batch, Noised, condition

TOKENS = 4  # per image, as in IP-Adapter
DROPPED = 0.05  # share of images whose embedding becomes zeros, as it is in the unconditional row
UNSAID = 0.5  # share of captions that leave the subject's looks to the image


class ImagePrompt(nn.Module):
    """What is trained: the image encoder, and what `load_random_adapter` adds to the UNet."""

    def __init__(self, unet: UNet2DConditionModel) -> None:
        super().__init__()
        load_random_adapter(unet)
        self.encoder = build_image_encoder()
        self.projection: Any = unet.encoder_hid_proj
        numbered: Any = enumerate(unet.attn_processors.items())
        self.attention = nn.ModuleDict(
            {str(number): processor for number, (name, processor) in numbered if name.endswith("attn2.processor")}
        )

    def embed(self, pixels: Tensor) -> Tensor:
        """Embeddings (B, 1, 256) of images (B, 3, 128, 128), normalised as CLIP's, some of them dropped."""
        embeds: Tensor = self.encoder(pixels).image_embeds
        keep = (torch.rand(len(embeds), device=embeds.device) >= DROPPED).to(embeds)
        return (embeds * keep[:, None])[:, None]

    def adapter_weights(self) -> dict[str, Tensor]:
        """The weights beside the image encoder, by the names of IP-Adapter's files."""
        projection: Any = self.projection.image_projection_layers[0]
        parts = {"proj": projection.image_embeds, "norm": projection.norm}
        weights = {
            f"image_proj.{part}.{name}": tensor
            for part, module in parts.items()
            for name, tensor in module.state_dict().items()
        }
        for number, processor in self.attention.items():
            for part in ("to_k_ip", "to_v_ip"):
                weights[f"ip_adapter.{number}.{part}.weight"] = getattr(processor, part)[0].weight.detach()
        return weights


def load_random_adapter(unet: UNet2DConditionModel) -> None:
    """Give a UNet an IP-Adapter whose keys and values begin as those of the prompt."""
    modules, wide = dict(unet.named_modules()), unet.config["cross_attention_dim"]
    attention: dict[str, Tensor] = {}
    for number, name in enumerate(unet.attn_processors):
        if name.endswith("attn2.processor"):
            prompt: Any = modules[name.removesuffix(".processor")]
            attention[f"{number}.to_k_ip.weight"] = prompt.to_k.weight.detach().clone()
            attention[f"{number}.to_v_ip.weight"] = prompt.to_v.weight.detach().clone()
    projection = nn.Linear(EMBEDDING, TOKENS * wide)
    image = {
        "proj.weight": projection.weight.detach(),
        "proj.bias": projection.bias.detach(),
        "norm.weight": torch.ones(wide),
        "norm.bias": torch.zeros(wide),
    }
    load: Any = unet._load_ip_adapter_weights
    load([{"image_proj": image, "ip_adapter": attention}], low_cpu_mem_usage=False)


def train_ip_adapter(folder: Path, config: TrainingConfig, device: torch.device) -> None:
    """Train the IP-Adapter on the photos of the set in ``folder``. Checkpoint: ``ip-adapter.pt``."""
    torch.manual_seed(config.seed)
    shipped = FrozenDenoiser.open(folder, device)
    photos, empty = shipped.data.images.photos, shipped.ids([""])[0]
    model = ImagePrompt(shipped.denoiser.unet).requires_grad_(True)
    if (folder / CHECKPOINT).is_file():
        model.encoder.load_state_dict(_encoder_weights(folder))

    def loss(model: ImagePrompt, seed: int) -> Tensor:
        rng = np.random.default_rng([config.seed, seed])
        picked = rng.choice(photos, config.batch)
        batch = Batch.draw(shipped.data, picked, rng.integers(0, CAPTIONS, config.batch), device)
        captions = batch.ids.clone()
        for row in np.flatnonzero(rng.random(config.batch) < UNSAID):
            sample = world.sample(int(picked[row]))
            captions[row] = shipped.ids([world.caption(sample.identity, sample.pose, sample.scene)])[0]
        pixels = torch.stack([reference_pixels(int(index), rng) for index in picked]).to(device)
        with torch.autocast(device.type, torch.bfloat16):
            with torch.no_grad():
                prompt = condition(shipped.denoiser, captions, empty)
            return image_prompt_loss(model, shipped.denoiser, batch, pixels, prompt, shipped.alphas)

    def report(training: Training[ImagePrompt]) -> None:
        print(f"ip-adapter {training.step} {training.progress:.3f} loss {training.mean_loss:.4f}", flush=True)

    Training(model, config, folder / "ip-adapter.pt", device).run(loss, report, every=50)


def _encoder_weights(folder: Path) -> dict[str, Tensor]:
    """The weights of the image encoder that `train_image_encoder` trained."""
    return {
        name.removeprefix("encoder."): tensor
        for name, tensor in load_ema(folder / CHECKPOINT).items()
        if name.startswith("encoder.")
    }


def reference_pixels(seed: int, rng: np.random.Generator) -> Tensor:
    """Another photo (3, 128, 128) of a training image's subject, in another pose and scene, normalised as CLIP's images are."""
    identity = world.sample(seed).identity
    image = world.render(identity, world.sample_pose(rng, identity.species), world.sample_scene(rng)).image
    return normalized(image[None])[0]


def image_prompt_loss(
    model: ImagePrompt,
    denoiser: Denoiser,
    batch: Batch,
    pixels: Tensor,
    prompt: tuple[Tensor, Tensor],
    alphas: Tensor,
) -> Tensor:
    """Weighted mean squared error of v with the image prompt.

    Args:
        model: What is trained.
        denoiser: Has the UNet, whose own weights are not trained.
        batch: B images.
        pixels: (B, 3, 128, 128), the subjects' other photos.
        prompt: Embeddings (B, 77, 128) and pooled embeddings (B, 64).
        alphas: (T,), cumulative products of the scheduler's alphas.
    """
    noised = Noised.draw(batch, alphas)
    added = {
        "text_embeds": prompt[1],
        "time_ids": denoiser.time_ids(noised.latents),
        "image_embeds": [model.embed(pixels)],
    }
    predicted = denoiser.unet(
        noised.latents, noised.timesteps, encoder_hidden_states=prompt[0], added_cond_kwargs=added
    ).sample
    return noised.loss(predicted)
