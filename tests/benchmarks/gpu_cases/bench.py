"""Where the cases run, and a session with one identity for them."""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import compile as compiling
import full_size
import torch
from full_size import Setup
from PIL import Image

from seal_sdk import Callback, IdentitySession
from seal_sdk.pocket import world

Rows = dict[str, dict[str, Any]]
"""Name of a row -> column -> figure."""
TINY_SIDE, GIB = 128, 2**30


@dataclass(frozen=True)
class Bench:
    """Where the cases run. tiny: with the tests' tiny model, to try them."""

    device: str
    tiny: bool

    @property
    def on_gpu(self) -> bool:
        return self.device != "cpu"

    def setup(self, side: int, precision: str = "fp16") -> Setup:
        """Of a case; a tiny model has its own size, and on a CPU its own precision."""
        side = TINY_SIDE if self.tiny else side
        return Setup(side, self.device, precision if self.on_gpu else "fp32")

    def pipeline(self, setup: Setup) -> Any:
        return (compiling.tiny_pipeline if self.tiny else full_size.pipeline)(setup)

    def forget(self) -> None:
        """Free what earlier cases left, and count the peak of memory anew."""
        gc.collect()
        if self.on_gpu:
            torch.cuda.init()  # without it there is no peak to reset
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()

    def peak_gib(self) -> float | None:
        """Most memory allocated since `forget`."""
        return torch.cuda.max_memory_allocated() / GIB if self.on_gpu else None


@contextmanager
def registered(pipe: Any, setup: Setup, *callbacks: Callback) -> Iterator[IdentitySession]:
    """A session that holds one identity."""
    sample = world.sample(500_000)
    photo = world.render(sample.identity, sample.pose, sample.scene, size=setup.side)
    with (
        tempfile.TemporaryDirectory() as store,
        IdentitySession(pipe, store=store, callbacks=callbacks, enable_progress_bar=False) as session,
    ):
        session.register(Image.fromarray(photo.image), prompt="a photo", name="one", box=photo.box, timesteps=4)
        yield session


def drawing(setup: Setup, steps: int, **changes: Any) -> tuple[tuple[Any, str], dict[str, Any]]:
    """Arguments of ``generate``: a structure image, a prompt, and the others."""
    sample = world.sample(500_000)
    mesh = world.render(sample.identity, sample.pose, sample.scene, kind="mesh", size=setup.side)
    size = dict(height=setup.side, width=setup.side, structure_box=mesh.box)
    return (Image.fromarray(mesh.image), "a photo on snow"), dict(**size, num_inference_steps=steps, seed=1) | changes
