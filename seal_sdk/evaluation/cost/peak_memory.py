"""The most memory that a block takes beyond what was in use before it."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

_PROCESS = Path("/proc/self")


@dataclass
class Peak:
    """nbytes: None until the block is done, and where nobody can tell."""

    nbytes: int | None = None


@contextmanager
def peak_memory(device: torch.device) -> Iterator[Peak]:
    """Bytes at the block's peak beyond those before it: what PyTorch allocated on a CUDA device, resident memory on a CPU (Linux only).

    A CPU's allocator keeps freed memory for what comes next, so a block may find there what it needs: read small figures as small,
    or `release_freed` before.
    """
    peak = Peak()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        yield peak
        peak.nbytes = torch.cuda.max_memory_allocated(device) - before
        return
    resets = device.type == "cpu" and _reset_resident_peak()
    before_resident = _resident("VmRSS") if resets else 0
    yield peak
    if resets:
        peak.nbytes = max(_resident("VmHWM") - before_resident, 0)


def release_freed() -> None:
    """Give freed memory back to the system, so that what follows has to ask for what it needs. With glibc alone; else nothing is done."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _reset_resident_peak() -> bool:
    try:
        (_PROCESS / "clear_refs").write_text("5")
    except OSError:  # no Linux, or not allowed
        return False
    return True


def _resident(field: str) -> int:
    """Bytes of a line of ``/proc/self/status``."""
    lines = (_PROCESS / "status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(field + ":"))
