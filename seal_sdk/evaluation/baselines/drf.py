"""DRF: Ctrl-X whose early steps are made again from noise that two feedbacks, on appearance and generation, have refined.

Kim et al., "Dual Recursive Feedback on Generation and Appearance Latents for Pose-Robust Text-to-Image Diffusion", ICCV
2025, arXiv 2508.09575, Algorithm 1. After a step from t to t-1, fresh noise e takes the generation's latents z_g and the
reference's clean latents z_a back by that one step (lines 3 and 4), and N times e follows the gradient of

    d(z_a0, z_a) + rho w_i d(z_g0, z_prev),    w_i = sqrt((exp(k i / (N - 1)) - 1) / (exp(k) - 1))

(lines 7 to 9). z_a0 and z_g0 are the clean latents that the guided model sees in both under their prompts (5 and 6), and
z_prev is the z_g0 of the round before (10). So the reference's noise is settled first, and what was generated is held
later. The gradient goes through the UNet. The refined z_g is denoised to t-1 under the prompt alone. In the first 60 %
of the steps the reference is read as in `ctrlx`.

From their code: N = 3, rho = 0.001, k = 5, step size 1, d the Euclidean distance, twice in each step from 10 to 50 % of
them, with neither structure nor appearance control where steps are made again. Their code differs from the paper, which
is followed here: it has no square root in w, and leaves the last round's change of e unused. i counts from 0 as in the
code, so that w grows from 0 to 1. Unlike there the guidance in the feedback is that of the picture instead of 7.5, the
reference that Ctrl-X reads keeps its noise for all steps, and structure injection and sampler (theirs is stochastic) are
those that all methods share. Each of those steps takes 14 UNet forwards of two rows more, 12 with a backward pass.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from seal_sdk.backbone.noise import at_level
from seal_sdk.backbone.step import GENERATION
from seal_sdk.evaluation.baselines.baseline import REFERENCE, Step
from seal_sdk.evaluation.baselines.ctrlx import CtrlX

START, FEEDBACK_END = 0.1, 0.5
GROWTH = 5.0


@dataclass(frozen=True)
class Drf(CtrlX):
    """See the module. times: how often each of the steps is made again. rounds: N. rate: lambda, the size of a change.
    rho: how much of it the generation's feedback is in the last round."""

    times: int = 2
    rounds: int = 3
    rate: float = 1.0
    rho: float = 0.001

    def recurrences(self, done: float) -> int:
        return self.times if START <= done < FEEDBACK_END else 0

    def renoise(self, latents: Tensor, step: Step) -> Tensor:
        noise, previous = step.noise(), latents
        for index in range(self.rounds):
            shown, _ = feedback(REFERENCE, step.reference, step.reference, noise, step)
            drawn, estimate = feedback(GENERATION, latents, previous, noise, step)
            noise = noise - self.rate * (shown + self.rho * generation_weight(index, self.rounds) * drawn)
            previous = estimate
        return at_level(latents, noise, step.level / step.next_level)


def feedback(row: str, latents: Tensor, target: Tensor, noise: Tensor, step: Step) -> tuple[Tensor, Tensor]:
    """The gradient for the noise of d(z_0, target), and z_0: what is seen under the row's prompt in latents that the
    noise takes back by the step. All are (1, C, h, w)."""
    with torch.enable_grad():
        noise = noise.detach().requires_grad_()
        estimate = step.estimate(row, at_level(latents, noise, step.level / step.next_level))
        distance = torch.linalg.vector_norm((estimate - target).float())
        (gradient,) = torch.autograd.grad(distance, noise)
    return gradient, estimate.detach()


def generation_weight(index: int, rounds: int) -> float:
    """w of round ``index`` of ``rounds``: 0 in the first, 1 in the last; 1 where there is one alone."""
    share = index / (rounds - 1) if rounds > 1 else 1.0
    return math.sqrt(math.expm1(GROWTH * share) / math.expm1(GROWTH))
