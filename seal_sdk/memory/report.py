"""MemoryReport: what ``session.memory`` returns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

MB = 10**6


@dataclass(frozen=True)
class MemoryReport:
    """Bytes that a session takes; printed, a table in MB.

    weights: model part -> device -> bytes, such as ``{"unet": {"cuda:0": 5135149760}}``. A part that is offloaded counts where it lies
    now. "segmenter" is there while one is loaded whose weights are known.
    key_values: K/V by tier. "accelerator" and "memory" are kept between calls, and "disk" is all that the store holds on this machine.
    call_peak: what the last call took of the accelerator's memory at most, beyond what was allocated when it began. Exact where it set the
    process's peak anew, else a bound: ``torch.cuda.reset_peak_memory_stats()`` before a call makes it exact. None before the first call,
    and on devices other than CUDA's.
    process_peak: the largest resident memory of this process so far; None where the system does not tell (Windows).
    """

    weights: Mapping[str, Mapping[str, int]]
    key_values: Mapping[str, int]
    call_peak: int | None = None
    process_peak: int | None = None

    def __str__(self) -> str:
        rows = [("", "where", "MB"), *((what, where, f"{count / MB:.1f}") for what, where, count in self._rows())]
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        return "\n".join(f"{a:{widths[0]}}  {b:{widths[1]}}  {c:>{widths[2]}}" for a, b, c in rows)

    def _rows(self) -> Iterator[tuple[str, str, int]]:
        """(what, where, bytes)."""
        for part, devices in self.weights.items():
            yield from ((part, device, count) for device, count in devices.items())
        yield from (("K/V", tier, count) for tier, count in self.key_values.items())
        if self.call_peak is not None:
            yield "peak of the last call", "accelerator", self.call_peak
        if self.process_peak is not None:
            yield "peak of the process", "memory", self.process_peak
