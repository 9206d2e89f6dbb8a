"""One training loop for all of Pocket's models: AdamW, warm-up and cosine decay, EMA, checkpoints that resume."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

CHECKPOINT_SECONDS = 240


@dataclass(frozen=True)
class Recipe:
    """steps or minutes end the training, whichever comes first; the learning rate is flat until ``flat`` of that, then decays."""

    learning_rate: float
    batch: int
    steps: int = 10**9
    minutes: float = math.inf
    flat: float = 0.5
    warmup: int = 150
    weight_decay: float = 0.01
    ema: float = 0.9985
    seed: int = 0


class Training:
    """A model on its way: ``run`` goes on from the checkpoint where there is one.

    loss(model, step) draws its own batch from the step's number alone, so that a resumed run sees what an unbroken one would.
    """

    def __init__(self, model: nn.Module, recipe: Recipe, checkpoint: Path, device: torch.device) -> None:
        self.model, self.recipe, self.checkpoint = model.to(device), recipe, checkpoint
        self.optimizer = torch.optim.AdamW(
            model.parameters(), recipe.learning_rate, betas=(0.9, 0.99), weight_decay=recipe.weight_decay
        )
        self.average = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
        self.step, self.seconds, self.mean_loss = 0, 0.0, math.nan
        if checkpoint.is_file():
            self._load()

    def run(
        self,
        loss: Callable[[nn.Module, int], Tensor],
        report: Callable[[Training], None] = lambda training: None,
        *,
        every: int = 50,
    ) -> None:
        """Train to the end of the recipe; ``report`` is called every ``every`` steps."""
        started, saved = time.monotonic() - self.seconds, time.monotonic()
        while self.progress < 1:
            self._set_learning_rate()
            torch.manual_seed(self.recipe.seed * 10**9 + self.step)
            value = loss(self.model, self.step)
            self.optimizer.zero_grad(set_to_none=True)
            value.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
            self._follow(float(value.detach()))
            self.seconds = time.monotonic() - started
            if self.step % every == 0:
                report(self)
            if time.monotonic() - saved > CHECKPOINT_SECONDS:
                self.save()
                saved = time.monotonic()
        self.save()

    @property
    def progress(self) -> float:
        """Share of the recipe that is done, by steps or by time."""
        return max(self.step / self.recipe.steps, self.seconds / 60 / self.recipe.minutes)

    def _set_learning_rate(self) -> None:
        recipe = self.recipe
        late = max(self.progress - recipe.flat, 0) / (1 - recipe.flat)
        decay = 0.5 * (1 + math.cos(math.pi * min(late, 1.0))) + 0.01
        rate = recipe.learning_rate * min(1.0, (self.step + 1) / recipe.warmup) * min(decay, 1.0)
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def _follow(self, loss: float) -> None:
        """Move the averages of weights and loss; the weights' start short, so that early averages are not of noise."""
        self.mean_loss = loss if math.isnan(self.mean_loss) else 0.98 * self.mean_loss + 0.02 * loss
        keep = min(self.recipe.ema, (self.step + 1) / (self.step + 30))
        state = self.model.state_dict()
        names = [name for name, tensor in self.average.items() if tensor.is_floating_point()]
        with torch.no_grad():
            torch._foreach_lerp_([self.average[n] for n in names], [state[n] for n in names], 1 - keep)
        self.step += 1

    def save(self) -> None:
        self.checkpoint.parent.mkdir(parents=True, exist_ok=True)
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average,
            "step": self.step,
            "seconds": self.seconds,
            "mean_loss": self.mean_loss,
        }
        partial = self.checkpoint.with_suffix(".partial")
        torch.save(state, partial)
        os.replace(partial, self.checkpoint)

    def _load(self) -> None:
        state = torch.load(self.checkpoint, weights_only=True, map_location=next(self.model.parameters()).device)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average = state["average"]
        self.step, self.seconds, self.mean_loss = state["step"], state["seconds"], state["mean_loss"]


def averaged(checkpoint: Path) -> dict[str, Tensor]:
    """The averaged weights of a checkpoint."""
    return torch.load(checkpoint, weights_only=True, map_location="cpu")["average"]
