"""Training a few parameters on pictures of one subject, with a model that stays as it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from tqdm import tqdm

from seal_sdk.backbone.conditioning import Conditioning, stack
from seal_sdk.backbone.unet import UNetBackbone
from seal_sdk.errors import ConfigError
from seal_sdk.identity import Identity
from seal_sdk.images import fit

Loss = Callable[[torch.Generator], Tensor]


@dataclass(frozen=True)
class Fitting:
    """Settings of a training of one subject. learning_rate, weight_decay: of AdamW, constant. batch: rows a step. seed: of its noise."""

    steps: int
    learning_rate: float
    batch: int = 4
    weight_decay: float = 1e-2
    seed: int = 0

    def __post_init__(self) -> None:
        if self.steps < 1 or self.batch < 1 or self.learning_rate <= 0:
            raise ConfigError(f"{self}: steps and batch have to be at least 1, and the learning rate above 0.")


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The parameters after some steps, and the seconds that these took."""

    tensors: dict[str, Tensor]
    seconds: float


def fit_parameters(
    parameters: Mapping[str, nn.Parameter], settings: Fitting, loss: Loss, steps: Sequence[int]
) -> list[Snapshot]:
    """Train parameters, and nothing else. Shows progress on a terminal.

    Args:
        parameters: In fp32, whatever the model's precision.
        settings: How. Its number of steps is not read.
        loss: Of one step, with the generator of its noise. It is scaled, so that small gradients do not vanish in fp16.
        steps: After which a snapshot is made, ascending. The last one ends the training.
    """
    started, generator = time.perf_counter(), torch.Generator("cpu").manual_seed(settings.seed)
    trained = list(parameters.values())
    optimizer = torch.optim.AdamW(trained, settings.learning_rate, weight_decay=settings.weight_decay)
    scaler = torch.amp.GradScaler(trained[0].device.type)
    snapshots = []
    for step in tqdm(range(1, steps[-1] + 1), desc="learning a subject", unit="step", leave=False, disable=None):
        with torch.enable_grad():
            scaled = scaler.scale(loss(generator))
            gradients = torch.autograd.grad(scaled, trained)
        for parameter, gradient in zip(trained, gradients, strict=True):
            parameter.grad = gradient
        scaler.step(optimizer)
        scaler.update()
        if step in steps:
            tensors = {name: parameter.detach().clone() for name, parameter in parameters.items()}
            snapshots.append(Snapshot(tensors, time.perf_counter() - started))
    return snapshots


def denoising_loss(
    backbone: UNetBackbone, latents: Tensor, conditioning: Sequence[Conditioning], generator: torch.Generator
) -> Tensor:
    """Mean squared error of what the model predicts of noised latents (B, C, h, w), at B random timesteps. conditioning: of each."""
    timesteps = torch.randint(0, backbone.train_timesteps, (len(latents),), generator=generator)
    epsilon = torch.randn(latents.shape, generator=generator).to(latents)
    levels = [backbone.noise_level(float(timestep)) for timestep in timesteps]
    rows = list(zip(levels, torch.split(latents, 1), torch.split(epsilon, 1), strict=True))
    noisy = torch.cat([level.add_noise(clean, noise) for level, clean, noise in rows])
    target = torch.cat([level.target(clean, noise) for level, clean, noise in rows])
    predicted = backbone.predict(noisy, timesteps.to(latents.device), stack(conditioning))
    return (predicted.float() - target.float()).square().mean()


@torch.no_grad()
def reference_latents(backbone: UNetBackbone, identity: Identity, size: tuple[int, int]) -> Tensor:
    """(1, C, h, w) of the reference, on a canvas of (height, width) pixels."""
    return backbone.encode_image(fit(identity.image, size[::-1]))


@contextmanager
def frozen(*modules: nn.Module) -> Iterator[None]:
    """While inside, none of the modules' parameters asks for gradients; those that did ask for them again afterwards."""
    asked = [parameter for module in modules for parameter in module.parameters() if parameter.requires_grad]
    for parameter in asked:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in asked:
            parameter.requires_grad_(True)
