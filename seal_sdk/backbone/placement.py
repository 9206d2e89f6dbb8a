"""Where a pipeline computes, and where its weights lie: all on its device, or each model there only while it runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
from torch import nn

from seal_sdk.backbone.parts import pipeline_parts
from seal_sdk.backbone.weights import diffusers_hook


class ExecutionDevice:
    """Where a pipeline computes, also while its weights are offloaded.

    diffusers looks at all of the models' parts to find out, which takes milliseconds. So whoever has the models alone asks once.
    """

    def __init__(self, pipe: Any) -> None:
        self._pipe = pipe
        self._held: torch.device | None = None

    def __call__(self) -> torch.device:
        """The device."""
        return self._pipe._execution_device if self._held is None else self._held

    @contextmanager
    def held(self, lock: AbstractContextManager[None]) -> Iterator[None]:
        """Hold a lock of the models, and the answer as long."""
        with lock:
            before, self._held = self._held, self._pipe._execution_device
            try:
                yield
            finally:
                self._held = before


def place(pipe: Any, device: torch.device, low_memory: bool) -> None:
    """Move a pipeline to a device; with ``low_memory`` by diffusers' model offload, which moves each model there when it runs.

    On a CPU there is nothing to save. A pipeline that is offloaded already, or spread over devices, stays as it is with ``low_memory``.
    """
    if not low_memory or device.type == "cpu":
        pipe.to(device)
    elif not _is_placed(pipe):
        pipe.enable_model_cpu_offload(device=device)


def _is_placed(pipe: Any) -> bool:
    """Whether hooks of accelerate or diffusers move the weights, or a device map has placed them."""
    if getattr(pipe, "hf_device_map", None):
        return True
    return any(hasattr(each, "_hf_hook") or _is_grouped(each) for each in pipeline_parts(pipe).values())


def _is_grouped(model: nn.Module) -> bool:
    return any(diffusers_hook(part, "group_offloading") is not None for part in model.modules())
