"""The cases of `gpu.py`: each builds its model, measures, and returns rows of a table."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from gpu_cases.bench import Bench, Rows
from gpu_cases.memory import memory
from gpu_cases.parts import parts
from gpu_cases.states import STATES, state
from gpu_cases.steps import pictures_that_share_a_forward, steps, warm_up
from gpu_cases.waits import waits

CASES: dict[str, Callable[[Bench], Rows]] = {
    "device: warm-up": warm_up,
    "memory: 512 px, fp16": memory,
    "waits: a step": waits,
    **{
        f"steps: {precision}, {side} px": partial(steps, precision=precision, side=side)
        for precision in ("fp16", "bf16")
        for side in (512, 1024)
    },
    "batches: 8 pictures of 512 px, fp16": pictures_that_share_a_forward,
    "parts: 512 and 1024 px, fp16": parts,
    **{f"states: {title}": partial(state, title=title, **how) for title, how in STATES.items()},
}


def measure(case: str, bench: Bench) -> dict[str, Any]:
    """The report of one case."""
    torch.compiler.reset()
    bench.forget()
    started = time.perf_counter()
    rows = CASES[case](bench)
    name = torch.cuda.get_device_name() if bench.on_gpu else "CPU"
    return {
        "machine": f"{name}, torch {torch.__version__}",
        "seconds": round(time.perf_counter() - started, 1),
        "rows": rows,
    }
