"""How often the host waits for the GPU, and where."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import compile as compiling

from gpu_cases.bench import Bench, Rows, drawing, registered
from seal_sdk import Callback
from seal_sdk.evaluation.cost.host_syncs import cuda_warnings, is_sync


class Waits(Callback):
    """How often the host waited until the end of each step."""

    def __init__(self, noticed: list[warnings.WarningMessage]) -> None:
        self.noticed, self.ends = noticed, list[int]()

    def on_step_end(self, session: Any, index: int, timestep: float, latents: Any) -> None:
        self.ends.append(len(self.noticed))


@contextmanager
def noticing_waits(bench: Bench) -> Iterator[list[warnings.WarningMessage]]:
    """torch warns of each operation that makes the host wait for the GPU; on a CPU of none."""
    if not bench.on_gpu:
        yield []
        return
    with cuda_warnings() as noticed:
        yield noticed


def waits(bench: Bench) -> Rows:
    """Waits per step, and where: after the first step, which makes things ready."""
    setup = bench.setup(512)
    pipe = bench.pipeline(setup)
    rows: Rows = {}
    with registered(pipe, setup) as session:
        for name, changes in {"without an identity": compiling.OFF, "with one": {}}.items():
            images, how = drawing(setup, steps=8, output_type="latent", **changes)
            session.generate(*images, **how)  # reads K/V, and chooses kernels
            with noticing_waits(bench) as noticed:
                counted = Waits(noticed)
                session.generate(*images, **how, callbacks=[counted])
            first, last = counted.ends[0], counted.ends[-1]
            told = list(filter(is_sync, noticed[first:last]))
            places = Counter(f"{Path(each.filename).name}:{each.lineno}" for each in told)
            rows[name] = {
                "waits per step": len(told) / (len(counted.ends) - 1),
                "where": ", ".join(f"{place} ({count})" for place, count in places.most_common(6)) or None,
            }
    return rows
