"""What one call measures of itself: seconds by phase, and rows that the model computed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Meter:
    """seconds: by phase. unet_rows: that the model computed so far."""

    seconds: dict[str, float] = field(default_factory=dict)
    unet_rows: int = 0

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Add the time that the block takes."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started
