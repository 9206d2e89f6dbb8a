"""A stopwatch for parts within parts, and how it is put around functions that know nothing of it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import wraps
from threading import get_ident
from typing import Any

import torch


class Stopwatch:
    """Times named parts. Where one runs inside of another, the outer one's ``own`` time stops.

    own: part -> seconds without the parts inside of it; they add up to the time of the outermost ones. whole: part -> seconds with them.
    calls: part -> how often it ran. A CUDA device is waited for at each end of a part. Only the thread that made the stopwatch counts.
    """

    def __init__(self, device: torch.device) -> None:
        self._device, self._thread = device, get_ident()
        self._inside: list[float] = []  # for each part that is running, seconds of the parts inside of it
        self._undivided = False  # whether a part is running that has no parts inside of it
        self.own: Counter[str] = Counter()
        self.whole: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()

    @contextmanager
    def part(self, name: str, undivided: bool = False) -> Iterator[None]:
        """Add the time that the block takes to a part. undivided: no other part is timed inside of it."""
        if get_ident() != self._thread or self._undivided:
            yield
            return
        started = self._now()
        self._inside.append(0.0)
        self._undivided = undivided
        try:
            yield
        finally:
            self._undivided = False
            seconds = self._now() - started
            self.own[name] += seconds - self._inside.pop()  # type: ignore[assignment]  # Counter's type knows whole numbers alone
            self.whole[name] += seconds  # type: ignore[assignment]  # likewise
            self.calls[name] += 1
            if self._inside:
                self._inside[-1] += seconds

    def _now(self) -> float:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return time.perf_counter()


@dataclass(frozen=True)
class Target:
    """A function that belongs to a part: the attribute ``name`` of a module, a class or an object. undivided: as of `Stopwatch.part`."""

    part: str
    owner: Any
    name: str
    undivided: bool = False


@contextmanager
def timed(watch: Stopwatch, targets: Sequence[Target]) -> Iterator[None]:
    """While inside, the targets' calls are timed. The product's code stays as it is."""

    def around(target: Target) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        def wrap(function: Callable[..., Any]) -> Callable[..., Any]:
            @wraps(function)
            def call(*args: Any, **kwargs: Any) -> Any:
                with watch.part(target.part, target.undivided):
                    return function(*args, **kwargs)

            return call

        return wrap

    with ExitStack() as stack:
        for target in targets:
            stack.enter_context(replaced(target.owner, target.name, around(target)))
        yield


@contextmanager
def replaced(owner: Any, name: str, change: Callable[[Any], Any]) -> Iterator[None]:
    """While inside, an attribute is what ``change`` makes of it. Afterwards it is as it was, in any case."""
    before, is_own = getattr(owner, name), name in vars(owner)
    setattr(owner, name, change(before))
    try:
        yield
    finally:
        if is_own:
            setattr(owner, name, before)
        else:
            delattr(owner, name)
