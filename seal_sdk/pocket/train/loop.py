"""The training loop of all of Pocket's models: AdamW, warm-up and cosine decay, EMA, checkpoints that resume.

Under ``torchrun`` each process trains on its own batch, and gradients are averaged. On a CPU, one process of one thread per
core is a third faster than one process of many threads.
"""

from __future__ import annotations

import atexit
import importlib
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import torch
from torch import Tensor, distributed, nn

CHECKPOINT_SECONDS = 240

Model = TypeVar("Model", bound=nn.Module)


def init_distributed() -> int:
    """Join the process group, if ``torchrun`` started this process. Returns this process's rank, 0 without a group."""
    if distributed.is_torchelastic_launched() and not distributed.is_initialized():
        # Optimizers import this module, whose default arguments keep the group of that moment: no group may exist yet, or its
        # threads outlive it and abort the process.
        importlib.import_module("torch.distributed.nn.functional")
        distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
        atexit.register(distributed.destroy_process_group)
    return distributed.get_rank() if distributed.is_initialized() else 0


def all_reduce_mean(tensors: list[Tensor]) -> None:
    """Replace each tensor in place by its mean over all processes."""
    if distributed.is_initialized():
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        distributed.all_reduce(flat)
        flat /= distributed.get_world_size()
        for tensor, mean in zip(tensors, torch.split(flat, [tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(mean.view_as(tensor))


def broadcast_from_first(tensors: list[Tensor]) -> None:
    """Replace each tensor in place by the first process's."""
    if distributed.is_initialized():
        for tensor in tensors:
            dense = tensor.contiguous()  # weights may lie channels-last
            distributed.broadcast(dense, 0)
            tensor.copy_(dense)


def norms_in_fp32(model: nn.Module) -> None:
    """Make group norms compute in float32 under autocast.

    On a CPU, bfloat16 makes matrix products three times faster, but norms slower.
    """
    for module in model.modules():
        if isinstance(module, nn.GroupNorm):
            module.register_forward_pre_hook(lambda _, given: (given[0].float(),))


@dataclass(frozen=True)
class TrainingConfig:
    """Settings of a training. It ends after ``steps`` or ``minutes``, whichever comes first.

    Attributes:
        learning_rate: Of AdamW, after the warm-up.
        batch: Images per step and process.
        steps: Length in steps, over all runs.
        minutes: Length in minutes, over all runs.
        flat: Share of the training in [0, 1) before the learning rate decays.
        warmup: Steps in which the learning rate rises.
        weight_decay: Of AdamW.
        ema_decay: Of the moving average of the weights, per step.
        seed: Of weights and batches.
    """

    learning_rate: float
    batch: int
    steps: int = 10**9
    minutes: float = math.inf
    flat: float = 0.5
    warmup: int = 150
    weight_decay: float = 0.01
    ema_decay: float = 0.9985
    seed: int = 0


class Training(Generic[Model]):
    """A model in training. It continues from its checkpoint, if there is one.

    Attributes:
        model: The model, on its device.
        config: The settings.
        checkpoint: The checkpoint's file.
        rank: This process's rank.
        optimizer: AdamW over all parameters.
        ema: Moving average of the model's state.
        step: Steps done, over all runs.
        seconds: Time taken, over all runs.
        mean_loss: Moving average of the loss; NaN before the first step.
    """

    def __init__(self, model: Model, config: TrainingConfig, checkpoint: Path, device: torch.device) -> None:
        self.model, self.config, self.checkpoint = model.to(device), config, checkpoint
        self.rank = init_distributed()
        broadcast_from_first(list(model.state_dict().values()))
        self.optimizer = torch.optim.AdamW(
            model.parameters(), config.learning_rate, betas=(0.9, 0.99), weight_decay=config.weight_decay
        )
        self.ema = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
        self.step, self.seconds, self.mean_loss = 0, 0.0, math.nan
        if checkpoint.is_file():
            self._load()

    def run(
        self,
        loss: Callable[[Model, int], Tensor],
        report: Callable[[Training[Model]], None] = lambda training: None,
        *,
        every: int = 50,
    ) -> None:
        """Train to the end, and save checkpoints on the way.

        Args:
            loss: loss(model, seed) draws its own batch from the seed alone, and returns a scalar. The seed comes from
                the step and the rank, so that a resumed training sees the batches of an unbroken one.
            report: Called every ``every`` steps, in the first process only.
            every: Steps between two reports.
        """
        started, saved = time.monotonic() - self.seconds, time.monotonic()
        while self.progress < 1:
            self._set_learning_rate()
            seed = 1000 * self.step + self.rank
            torch.manual_seed(self.config.seed * 10**9 + seed)
            value = loss(self.model, seed)
            self.optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(value)
            seconds = torch.tensor([time.monotonic() - started], device=value.device)
            gradients = [parameter.grad for parameter in self.model.parameters() if parameter.grad is not None]
            all_reduce_mean([*gradients, seconds])
            nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
            self._update_averages(float(value.detach()))
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
        """Share of the training that is done, by steps or by time."""
        return max(self.step / self.config.steps, self.seconds / 60 / self.config.minutes)

    def _set_learning_rate(self) -> None:
        config = self.config
        late = max(self.progress - config.flat, 0) / (1 - config.flat)
        decay = 0.5 * (1 + math.cos(math.pi * min(late, 1.0))) + 0.01
        rate = config.learning_rate * min(1.0, (self.step + 1) / config.warmup) * min(decay, 1.0)
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def _update_averages(self, loss: float) -> None:
        """Update the moving averages of weights and loss. The weights' decay is smaller at first, to forget the initial noise."""
        self.mean_loss = loss if math.isnan(self.mean_loss) else 0.98 * self.mean_loss + 0.02 * loss
        keep = min(self.config.ema_decay, (self.step + 1) / (self.step + 30))
        state = self.model.state_dict()
        names = [name for name, tensor in self.ema.items() if tensor.is_floating_point()]
        with torch.no_grad():
            torch._foreach_lerp_([self.ema[n] for n in names], [state[n] for n in names], 1 - keep)
        self.step += 1

    def save(self) -> None:
        """Replace the checkpoint in one step, so that an interruption leaves a whole one."""
        self.checkpoint.parent.mkdir(parents=True, exist_ok=True)
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.ema,
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
        self.ema = state["average"]
        self.step, self.seconds, self.mean_loss = state["step"], state["seconds"], state["mean_loss"]


def load_ema(checkpoint: Path) -> dict[str, Tensor]:
    """Load the averaged weights of a checkpoint, on the CPU."""
    average: dict[str, Tensor] = torch.load(checkpoint, weights_only=True, map_location="cpu")["average"]
    return average
