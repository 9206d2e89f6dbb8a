"""One training loop for all of Pocket's models: AdamW, warm-up and cosine decay, EMA, checkpoints that resume.

Under ``torchrun`` each process trains on its own batch and gradients are averaged: on a CPU, one process of one thread per
core is a third faster than one process of many threads.
"""

from __future__ import annotations

import atexit
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, distributed, nn

CHECKPOINT_SECONDS = 240


def join_processes() -> int:
    """Join the processes that ``torchrun`` started, if it did; this process's rank."""
    if distributed.is_torchelastic_launched() and not distributed.is_initialized():
        distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
        atexit.register(distributed.destroy_process_group)  # its threads abort a process that ends beneath them
    return distributed.get_rank() if distributed.is_initialized() else 0


def average_over_processes(tensors: list[Tensor]) -> None:
    """Replace each tensor by its mean over all processes."""
    if distributed.is_initialized():
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        distributed.all_reduce(flat)
        flat /= distributed.get_world_size()
        for tensor, mean in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(mean.view_as(tensor))


def share_first(tensors: list[Tensor]) -> None:
    """Give every process the first one's tensors."""
    if distributed.is_initialized():
        for tensor in tensors:
            dense = tensor.contiguous()  # weights may lie channels-last
            distributed.broadcast(dense, 0)
            tensor.copy_(dense)


def norms_in_fp32(model: nn.Module) -> None:
    """Let group norms see float32 under autocast: on a CPU bfloat16 makes matrix products three times faster, but norms slower."""
    for module in model.modules():
        if isinstance(module, nn.GroupNorm):
            module.register_forward_pre_hook(lambda _, given: (given[0].float(),))


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

    loss(model, seed) draws its own batch from the seed alone, which comes from the step's number and the process's rank, so that
    a resumed run sees what an unbroken one would.
    """

    def __init__(self, model: nn.Module, recipe: Recipe, checkpoint: Path, device: torch.device) -> None:
        self.model, self.recipe, self.checkpoint = model.to(device), recipe, checkpoint
        self.rank = join_processes()
        share_first(list(model.state_dict().values()))
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
            seed = 1000 * self.step + self.rank
            torch.manual_seed(self.recipe.seed * 10**9 + seed)
            value = loss(self.model, seed)
            self.optimizer.zero_grad(set_to_none=True)
            value.backward()
            seconds = torch.tensor([time.monotonic() - started], device=value.device)
            gradients = [parameter.grad for parameter in self.model.parameters() if parameter.grad is not None]
            average_over_processes([*gradients, seconds])
            nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
            self._follow(float(value.detach()))
            self.seconds = float(seconds)
            if self.rank == 0 and self.step % every == 0:
                report(self)
            if self.rank == 0 and time.monotonic() - saved > CHECKPOINT_SECONDS:
                self.save()
                saved = time.monotonic()
        if self.rank == 0:
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
