"""States of the pipeline: attention kernels, memory formats, casting, offloading, compiling."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import compile as compiling
import torch
from full_size import Setup, StepClock
from torch.nn.attention import SDPBackend, sdpa_kernel

from gpu_cases.bench import Bench, Rows, registered


def state(
    bench: Bench,
    title: str,
    change: Callable[[Any, Setup], None] = lambda pipe, setup: None,
    within: Callable[[], AbstractContextManager[Any]] = nullcontext,
) -> Rows:
    """Steps of a pipeline that is changed, with the method off and on: what `compile.py` measures."""
    setup = bench.setup(1024)
    pipe, clock = bench.pipeline(setup), StepClock(setup)
    pipe.set_progress_bar_config(disable=True)
    change(pipe, setup)
    bench.forget()
    with within(), registered(pipe, setup, clock) as session:
        found = compiling.measure(session, clock, setup, steps=6)
    row: dict[str, Any] = {f"{call}, s": times["step_s"] for call, times in found.items()}
    row["first call of each, s"] = ", ".join(f"{times['first_s']:.3g}" for times in found.values())
    return {title: row | {"peak, GiB": bench.peak_gib()}}


def prefer(kernel: SDPBackend) -> AbstractContextManager[Any]:
    """Attention by this kernel, and by the plain one where it cannot: masks of text encoders are not for all."""
    return sdpa_kernel([kernel, SDPBackend.MATH], set_priority=True)


def channels_last(pipe: Any, setup: Setup) -> None:
    for part in (pipe.unet, pipe.vae):
        part.to(memory_format=torch.channels_last)


def float8(pipe: Any, setup: Setup) -> None:
    pipe.unet.enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn, compute_dtype=setup.dtype)


def model_offload(pipe: Any, setup: Setup) -> None:
    pipe.to("cpu")
    pipe.enable_model_cpu_offload(device=setup.device)


def streamed_offload(pipe: Any, setup: Setup) -> None:
    pipe.to("cpu")
    pipe.enable_group_offload(
        onload_device=torch.device(setup.device),
        offload_type="leaf_level",
        use_stream=setup.device != "cpu",
    )


def compile_blocks(pipe: Any, setup: Setup) -> None:
    compiling.blocks(pipe.unet, "inductor")


STATES: dict[str, dict[str, Any]] = {
    "as it is": {},
    "channels-last": {"change": channels_last},
    "attention, flash": {"within": partial(prefer, SDPBackend.FLASH_ATTENTION)},
    "attention, efficient": {"within": partial(prefer, SDPBackend.EFFICIENT_ATTENTION)},
    "attention, cudnn": {"within": partial(prefer, SDPBackend.CUDNN_ATTENTION)},
    "attention, math": {"within": partial(prefer, SDPBackend.MATH)},
    "fp8 layerwise casting": {"change": float8},
    "model CPU offload": {"change": model_offload},
    "group offload, streams": {"change": streamed_offload},
    "compile_repeated_blocks": {"change": compile_blocks},
}
