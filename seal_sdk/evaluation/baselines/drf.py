"""DRF: Ctrl-X that repeats early steps from noise refined by two feedbacks, on appearance and generation.

Kim et al., "Dual Recursive Feedback on Generation and Appearance Latents for Pose-Robust Text-to-Image Diffusion", ICCV
2025, arXiv 2508.09575, Algorithm 1. After a step from t to t-1, fresh noise e takes the generation's latents z_g and the
reference's clean latents z_a back to t (lines 3 and 4). Then N rounds of gradient descent change e to reduce

    d(z_a0, z_a) + rho w_i d(z_g0, z_prev),    w_i = sqrt((exp(k i / (N - 1)) - 1) / (exp(k) - 1))

(lines 7 to 9). z_a0 and z_g0 are the clean latents that the guided model predicts from both under their prompts (lines 5
and 6), and z_prev is z_g0 of the previous round (line 10). So the first rounds fit the noise to the reference, and later
rounds also preserve what was generated. The gradient passes through the UNet. The refined z_g is denoised to t-1 under
the prompt alone. In the first 60 % of the steps the reference is read as in `ctrlx`.

From their code: N = 3, rho = 0.001, k = 5, step size 1, d the Euclidean distance, two repetitions of each step from 10 to
50 % of the steps, without structure and appearance control in the repetitions. Where their code differs from the paper,
we follow the paper: the code has no square root in w and does not use the last change of e. As in the code, i counts
from 0, so w grows from 0 to 1. Unlike their code, the feedback uses the image's guidance scale instead of 7.5, the
reference that Ctrl-X reads keeps its noise in all steps, and structure injection and sampler (theirs is stochastic) are
those that all methods share. Each repeated step takes 14 more UNet passes of two rows, 12 of them with a backward pass.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from seal_sdk.evaluation.baselines.baseline import REFERENCE, Step
from seal_sdk.evaluation.baselines.ctrlx import CtrlX
from seal_sdk.generation.forward import GENERATION
from seal_sdk.method.noise_level import NoiseLevel

START, FEEDBACK_END = 0.1, 0.5
GROWTH = 5.0


@dataclass(frozen=True)
class Drf(CtrlX):
    """DRF, see the module.

    Attributes:
        times: Repetitions of each step.
        rounds: N, rounds of gradient descent.
        rate: lambda, the step size.
        rho: Weight of the generation feedback in the last round.
    """

    times: int = 2
    rounds: int = 3
    rate: float = 1.0
    rho: float = 0.001

    def recurrences(self, done: float) -> int:
        """``times`` from `START` to `FEEDBACK_END` of the steps."""
        return self.times if START <= done < FEEDBACK_END else 0

    def renoise(self, latents: Tensor, step: Step) -> Tensor:
        """Add the refined noise: Algorithm 1, lines 3 to 10."""
        noise, previous = step.noise(), latents
        for index in range(self.rounds):
            appearance, _ = feedback(REFERENCE, step.reference, step.reference, noise, step)
            generation, estimate = feedback(GENERATION, latents, previous, noise, step)
            noise = noise - self.rate * (appearance + self.rho * generation_weight(index, self.rounds) * generation)
            previous = estimate
        return taken_back(latents, noise, step)


def taken_back(latents: Tensor, noise: Tensor, step: Step) -> Tensor:
    """Latents (1, C, h, w) at ``step.next_level`` with the noise that takes them back to ``step.level``."""
    return NoiseLevel.from_alpha_bar(step.level / step.next_level, "epsilon").add_noise(latents, noise)


def feedback(row: str, latents: Tensor, target: Tensor, noise: Tensor, step: Step) -> tuple[Tensor, Tensor]:
    """The gradient of d(z_0, target) with respect to the noise, and z_0. All tensors are (1, C, h, w).

    z_0 is the prediction under the row's prompt, from latents that the noise takes back by the step.
    """
    with torch.enable_grad():
        noise = noise.detach().requires_grad_()
        estimate = step.estimate(row, taken_back(latents, noise, step))
        distance = torch.linalg.vector_norm((estimate - target).float())
        (gradient,) = torch.autograd.grad(distance, noise)
    return gradient, estimate.detach()


def generation_weight(index: int, rounds: int) -> float:
    """The weight w of round ``index`` of ``rounds``: 0 in the first, 1 in the last. 1 if there is only one round."""
    share = index / (rounds - 1) if rounds > 1 else 1.0
    return math.sqrt(math.expm1(GROWTH * share) / math.expm1(GROWTH))


BASELINE = Drf()
