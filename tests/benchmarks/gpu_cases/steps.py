"""The first forwards, and steps over plain ones, one by one and in batches."""

from __future__ import annotations

import tempfile
import time
from argparse import Namespace
from pathlib import Path

import batches
import full_size
import torch
from full_size import StepClock

from gpu_cases.bench import GIB, Bench, Rows, registered


@torch.no_grad()
def warm_up(bench: Bench) -> Rows:
    """The first forwards, which load the GPU's libraries and choose kernels."""
    setup = bench.setup(512)
    started = time.perf_counter()
    pipe = bench.pipeline(setup)
    loaded = time.perf_counter() - started
    first, *others = (full_size.plain_step(pipe, 4, setup) for _ in range(4))
    row = {"model made, s": loaded, "first step of 4 rows, s": first, "fourth, s": others[-1]}
    return {"512 px, fp16": row | {"peak, GiB": bench.peak_gib()}}


def steps(bench: Bench, precision: str, side: int) -> Rows:
    """What `full_size.py` measures."""
    setup = bench.setup(side, precision)
    with tempfile.TemporaryDirectory() as store:
        found = full_size.measure(bench.pipeline(setup), setup, Path(store), steps=4, repeats=3)
    row = {
        "plain step of 4 rows, s": found["plain_step_with_as_many_rows_s"],
        "our step, s": found["step_s"],
        "over plain": found["step_over_plain"],
        "register over forwards": found["register_over_bare_forwards"],
        "disk over memory": found["loop_disk_over_memory"],
        "peak, GiB": bench.peak_gib(),
    }
    return {f"{precision}, {side} px": row}


def pictures_that_share_a_forward(bench: Bench) -> Rows:
    """What `batches.py` measures, of eight pictures."""
    setup, count = bench.setup(512), 8
    with registered(bench.pipeline(setup), setup, StepClock(setup)) as session:
        found = batches.measure(session, setup, Namespace(pictures=[count], repeats=2, steps=4))[count]
    exact = found["exact"]["seconds_per_picture"]
    return {
        f"images_per_forward={way}": {
            "s per picture, 4 steps": each["seconds_per_picture"],
            "over exact": each["seconds_per_picture"] / exact,
            "peak, GiB": each["peak_gb"] and each["peak_gb"] * 1e9 / GIB,
        }
        for way, each in found.items()
    }
