"""Peaks of memory, as torch and the operating system count them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch


class PeakMeter:
    """Measures what calls take of a CUDA device. last_call: bytes of the last one (`MemoryReport.call_peak`), None before the first.

    torch's statistics are read and not reset: they belong to the app.
    """

    def __init__(self) -> None:
        self.last_call: int | None = None

    @contextmanager
    def measured(self, device: torch.device) -> Iterator[None]:
        """Measure what happens inside. On other devices than CUDA's nothing is measured."""
        if device.type != "cuda":
            yield
            return
        before = torch.cuda.memory_allocated(device)
        try:
            yield
        finally:
            self.last_call = torch.cuda.max_memory_allocated(device) - before


def process_peak() -> int | None:
    """Bytes of this process's largest resident memory so far; None on Windows, which has no ``getrusage``."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # elsewhere in units of 1024 bytes
