"""Shares of a step that the method's parts take."""

from __future__ import annotations

import io
import re
from contextlib import redirect_stdout
from dataclasses import replace

import full_size
import method_parts
import torch

from gpu_cases.bench import TINY_SIDE, Bench, Rows


@torch.no_grad()
def parts(bench: Bench) -> Rows:
    """What `method_parts.py` measures."""
    sides = [TINY_SIDE] if bench.tiny else [512, 1024]
    setup = bench.setup(sides[-1])
    unet = full_size.random_unet(setup, method_parts.TINY if bench.tiny else full_size.BLOCKS)
    rows: Rows = {}
    for side in sides:
        here = replace(setup, side=side)
        step = min(method_parts.step_of(unet, here, method_parts.ROWS) for _ in range(4))
        for share in (0.3, 0.9):
            with redirect_stdout(io.StringIO()):
                found = method_parts.report(method_parts.Case(here, share), step, unet, repeats=3)
            column = f"{side} px, {share:.0%}"
            for part in found["parts"]:
                name = re.sub(r"\d+x\d+, ", "", part["part"])  # the grid depends on the size
                rows.setdefault(name, {})[column] = f"{part['share_of_step']:.1%}"
            rows.setdefault("all of a step", {})[column] = f"{found['all_of_a_step']:.1%}"
            rows.setdefault("a step of 4 rows, s", {})[column] = step
    return rows
