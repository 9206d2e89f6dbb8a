"""FreeControl's analysis: the principal components of what self-attention makes of pictures of one class, step by step.

Mo et al., CVPR 2024, arXiv 2312.07536, section 4.1. The model draws a few pictures of the class; at every step the keys of all their
tokens are one cloud of points per layer, of which mean and leading principal components are kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from tqdm import tqdm

from seal_sdk.backbone.attention import UNetSelfAttention
from seal_sdk.backbone.conditioning import Conditioning, stack
from seal_sdk.backbone.unet import UNetBackbone
from seal_sdk.evaluation.baselines.baseline import guided

BATCH = 5  # pictures in a forward, as in their code


@dataclass(frozen=True, eq=False)
class Basis:
    """Where a layer's keys lie. mean: (C,). components: (C, K), orthonormal, the one of most variance first."""

    mean: Tensor
    components: Tensor

    def coefficients(self, keys: Tensor) -> Tensor:
        """(..., N, K) of keys (..., N, C): each from 0 to 1 over the N tokens, as in their code.

        The smallest and the largest, which the others are measured by, count as constants in gradients.
        """
        projected = (keys - self.mean) @ self.components
        low, high = (each.detach() for each in projected.aminmax(dim=-2, keepdim=True))
        return (projected - low) / (high - low + 1e-7)


Bases = Mapping[float, Mapping[str, Basis]]
"""Share of the steps before a step -> layer name -> basis."""


@dataclass(frozen=True)
class Analysis:
    """What bases depend on.

    Attributes:
        prompt: Prompt of the pictures of the class.
        size: (height, width) of the pictures in pixels.
        steps: Sampling steps.
        guidance_scale: Guidance scale of the pictures.
        pictures: How many there are.
        components: How many principal components are kept; a layer with fewer channels keeps all.
        end: Share of the steps that are analysed.
        seed: Seed of the pictures.
    """

    prompt: str
    size: tuple[int, int]
    steps: int
    guidance_scale: float
    pictures: int
    components: int
    end: float
    seed: int = 0


@torch.no_grad()
def semantic_bases(backbone: UNetBackbone, layers: Sequence[UNetSelfAttention], asked: Analysis) -> Bases:
    """The bases of all layers at the steps that are analysed. Shows progress on a terminal.

    Each of these steps takes two UNet rows for each picture, one without guidance. Of the keys only sums and products are kept.
    """
    generator = torch.Generator("cpu").manual_seed(asked.seed)
    geometry, bases = backbone.geometry, {}
    with backbone.lock, backbone.hooks() as hooks:
        sampler = backbone.sampler(asked.steps, generator)
        shape = (asked.pictures, geometry.channels, *geometry.latent_size(asked.size))
        latents = torch.randn(shape, generator=generator).to(backbone.device, backbone.dtype) * sampler.initial_scale
        rows, keys = _conditioning(backbone, asked), dict[str, Tensor]()
        for layer in layers:
            layer.after("key", hooks, partial(keys.__setitem__, layer.name))
        analysed = [index for index in range(asked.steps) if index / asked.steps < asked.end]
        for index in tqdm(analysed, unit="step", desc=f"bases of {asked.prompt!r}", disable=None, leave=False):
            timestep, moments, predictions = sampler.timesteps[index], {layer.name: Moments() for layer in layers}, []
            for part in torch.split(sampler.model_input(latents, timestep), BATCH):
                given = stack([row for row in rows for _ in part])
                *uncond, own = backbone.predict(torch.cat([part] * len(rows)), timestep, given).chunk(len(rows))
                predictions.append(guided(uncond[0] if uncond else None, own, asked.guidance_scale))
                for name, moment in moments.items():
                    moment.add(keys.pop(name)[-len(part) :])
            bases[index / asked.steps] = {name: each.basis(asked.components) for name, each in moments.items()}
            latents = sampler.step(torch.cat(predictions), timestep, latents)
    return bases


class Moments:
    """Sums over tokens: enough for principal components, however many pictures there are."""

    def __init__(self) -> None:
        self._count, self._sum, self._products = 0, torch.zeros(()), torch.zeros(())

    def add(self, keys: Tensor) -> None:
        """Count keys (B, N, C)."""
        points = keys.flatten(0, 1).double()
        self._count += len(points)
        self._sum = self._sum.to(points) + points.sum(0)
        self._products = self._products.to(points) + points.T @ points

    def basis(self, components: int) -> Basis:
        """The leading components, each with the sign that makes its largest entry positive."""
        mean = self._sum / self._count
        _, vectors = torch.linalg.eigh(self._products / self._count - torch.outer(mean, mean))
        leading = vectors.flip(-1)[:, :components]
        largest = leading.gather(0, leading.abs().argmax(0, keepdim=True))
        return Basis(mean.float(), (leading * largest.sign()).float())


def _conditioning(backbone: UNetBackbone, asked: Analysis) -> list[Conditioning]:
    """That of a picture's rows, the one under the prompt last."""
    if asked.guidance_scale > 1:
        return list(backbone.encode_prompt_pair(asked.prompt, None, asked.size))
    return [backbone.encode_prompt(asked.prompt, asked.size)]
