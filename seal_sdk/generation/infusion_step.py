"""One image at one step: what infusion does in its forward, and what latent transfer makes of its guided prediction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from seal_sdk.generation.call import Call
from seal_sdk.generation.forward import STRUCTURE, Forward
from seal_sdk.generation.plan import ImagePlan
from seal_sdk.method.latent_transfer.transfer import transfer_latents
from seal_sdk.method.schedules import delta_at, detail_at, tau_at


@dataclass(frozen=True)
class Step:
    """One step: its index, its timestep on the device, the progress gamma in [0, 1] of sampling (paper), and the timestep as a number.

    To read the number off the tensor would wait for the device.
    """

    index: int
    timestep: Tensor
    gamma: float
    time: float


def infused_forward(call: Call, plan: ImagePlan, rows: Iterable[str], step: Step) -> Forward:
    """The forward of an image's rows, with what its subjects give to it."""
    names, settings = tuple(rows), call.settings
    forward = Forward(names, inject=settings.structure.scale if STRUCTURE in names else 0.0)
    if not plan.subjects:
        return forward
    appearance, gamma = settings.appearance, step.gamma
    forward.tau = tau_at(gamma, appearance.tau, appearance.schedule)
    forward.delta = delta_at(gamma, appearance.delta, appearance.schedule)
    forward.detail = detail_at(gamma, appearance.detail)
    forward.matches = [] if settings.match_maps else None
    if not (forward.delta or forward.detail or settings.match_maps):
        return forward
    given = [subject.layers(step.time) for subject in plan.subjects]
    forward.infusion = {layer.name: tuple(each[layer.name] for each in given) for layer in call.layers}
    return forward


def transfer(call: Call, plan: ImagePlan, forward: Forward, step: Step, guided: Tensor, noisy: Tensor) -> Tensor:
    """The guided prediction (1, C, h, w) moved towards the references' latents, where the subjects are known to be."""
    if not forward.detail:
        return guided
    moved = transfer_latents(
        guided,
        noisy,
        [(found, plan.subjects[number].reference) for number, found in forward.correspondences.items()],
        level=call.backbone.noise_level(step.time),
        strength=forward.detail,
        tau=forward.tau,
    )
    return moved if plan.region is None else torch.lerp(guided, moved, plan.region)
