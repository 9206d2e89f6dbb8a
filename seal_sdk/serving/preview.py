"""Previews: what latents roughly look like, without the VAE (ours).

Colours depend on latents nearly linearly. The map is fitted once per model, to what its own VAE makes of a few plain colours, so it fits
any model and needs no numbers of ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor

if TYPE_CHECKING:
    from seal_sdk.backbone.base import Backbone

LEVELS = (0, 85, 170, 255)  # of red, green and blue
PATCH = 2  # coarsest tokens along a patch's side: its middle is far enough from other colours


@dataclass(frozen=True, eq=False)
class LatentPreview:
    """Latents to colours. weights: (C + 1, 3) float32; the last row is for black."""

    weights: np.ndarray

    @classmethod
    def fit(cls, backbone: Backbone) -> LatentPreview:
        """Fit it to the model's VAE, which encodes one image of 64 patches. The model's lock must be held."""
        geometry = backbone.geometry
        side = PATCH * geometry.pixels_per_coarsest_token
        colors = np.array(list(product(LEVELS, repeat=3)), dtype=np.uint8)
        columns = int(len(colors) ** 0.5)
        palette = colors[np.random.default_rng(0).permutation(len(colors))].reshape(columns, columns, 3)
        picture = palette.repeat(side, axis=0).repeat(side, axis=1)
        latents = backbone.encode_image(Image.fromarray(picture))[0].float().cpu().numpy()
        cells = side // geometry.pixels_per_latent
        middle = slice(cells // 2, None, cells)
        seen = latents[:, middle, middle].reshape(len(latents), -1).T
        known = np.concatenate([seen, np.ones((len(seen), 1))], axis=1)
        weights, *_ = np.linalg.lstsq(known, palette.reshape(-1, 3) / 255.0, rcond=None)
        return cls(weights.astype(np.float32))

    @torch.no_grad()
    def draw(self, latents: Tensor) -> list[Image.Image]:
        """One RGB image of (w, h) pixels for each of the latents (B, C, h, w)."""
        values = latents.detach().float().cpu().numpy().transpose(0, 2, 3, 1)
        pixels = values @ self.weights[:-1] + self.weights[-1]
        return [Image.fromarray(each) for each in (np.nan_to_num(pixels).clip(0, 1) * 255).round().astype(np.uint8)]
