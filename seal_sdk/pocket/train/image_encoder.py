"""Training of the image encoder of Pocket's IP-Adapter: a picture's embedding tells its subject's looks. Ours.

It stands in for CLIP, whose image encoder has learned from captions what pictures show before an IP-Adapter uses it. Here the world
knows what each picture shows, so the embedding is asked for that: species, pattern and colours.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from seal_sdk.pocket import IMAGE_SIZE, world
from seal_sdk.pocket.train.data import TrainingSet
from seal_sdk.pocket.train.loop import Training, TrainingConfig

EMBEDDING = 256  # channels of an image's embedding
CHECKPOINT = "image-encoder.pt"
COLORS = ("main", "second", "accent", "skin", "hair")
_MEAN, _STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)  # of CLIP's images
_CHOICES = len(world.SPECIES), len(world.PATTERNS)
_COLOR_WEIGHT = 20.0  # so that squared errors of colours in [0, 1] weigh about as much as the two choices


def build_image_encoder() -> CLIPVisionModelWithProjection:
    """Build the image encoder, 0.8 million weights, for images of 128 px in 8x8 patches."""
    encoder: CLIPVisionModelWithProjection = CLIPVisionModelWithProjection(
        CLIPVisionConfig(
            hidden_size=128,
            intermediate_size=384,
            projection_dim=EMBEDDING,
            num_hidden_layers=4,
            num_attention_heads=4,
            image_size=IMAGE_SIZE,
            patch_size=16,
        )
    )
    for parameter in encoder.parameters():
        if parameter.ndim > 1:
            nn.init.normal_(parameter, std=0.04)  # CLIP's own is for much wider layers
    return encoder


class LooksReader(nn.Module):
    """The image encoder, and what reads a subject's looks from an embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = build_image_encoder()
        self.read = nn.Sequential(nn.GELU(), nn.Linear(EMBEDDING, sum(_CHOICES) + 3 * len(COLORS)))

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Scores of species (B, 5) and patterns (B, 5), and colours (B, 5, 3), of images (B, 3, 128, 128) normalised as CLIP's."""
        species, pattern, colors = self.read(self.encoder(pixels).image_embeds).split((*_CHOICES, 3 * len(COLORS)), 1)
        return species, pattern, colors.unflatten(1, (len(COLORS), 3))


@dataclass(frozen=True, eq=False)
class Looks:
    """What N pictures show. species, pattern: (N,) int64. colors: (N, 5, 3) in [0, 1]. visible: (N, 5), which of them can be seen."""

    species: Tensor
    pattern: Tensor
    colors: Tensor
    visible: Tensor

    @classmethod
    def of(cls, identities: list[world.Identity]) -> Looks:
        """The looks of some identities."""
        shown = [
            (True, who.pattern != "plain", True, who.species == "person", who.species == "person") for who in identities
        ]
        return cls(
            torch.tensor([world.SPECIES.index(who.species) for who in identities]),
            torch.tensor([world.PATTERNS.index(who.pattern) for who in identities]),
            torch.tensor([[getattr(who, name) for name in COLORS] for who in identities]),
            torch.tensor(shown),
        )

    def loss(self, species: Tensor, pattern: Tensor, colors: Tensor) -> Tensor:
        """How far a `LooksReader` is off: cross entropies, and the squared error of the colours that can be seen."""
        wrong: Tensor = (colors - self.colors.to(colors)).square().mean(-1)[self.visible.to(colors.device)]
        choices = cross_entropy(species, self.species.to(species.device)) + cross_entropy(
            pattern, self.pattern.to(species.device)
        )
        return choices + _COLOR_WEIGHT * wrong.mean()


def normalized(images: np.ndarray) -> Tensor:
    """Images (B, H, W, 3) uint8 as (B, 3, H, W), normalised as CLIP's."""
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    mean, std = (torch.tensor(values)[:, None, None] for values in (_MEAN, _STD))
    return (pixels - mean) / std


def train_image_encoder(folder: Path, config: TrainingConfig, device: torch.device) -> None:
    """Train the image encoder on the photos of the set in ``folder``. Checkpoint: ``image-encoder.pt``."""
    data = TrainingSet.open(folder)
    photos = data.photos
    torch.manual_seed(config.seed)

    def loss(model: LooksReader, seed: int) -> Tensor:
        rng = np.random.default_rng([config.seed, seed])
        picked = rng.choice(photos, config.batch)
        looks = Looks.of([world.sample(int(index)).identity for index in picked])
        with torch.autocast(device.type, torch.bfloat16):
            found = model(normalized(data.images[picked]).to(device))
        return looks.loss(*(each.float() for each in found))

    def report(training: Training[LooksReader]) -> None:
        print(f"image-encoder {training.step} {training.progress:.3f} loss {training.mean_loss:.4f}", flush=True)

    Training(LooksReader(), config, folder / CHECKPOINT, device).run(loss, report, every=50)
