"""One call at a time on a model: threads queue for its modules, whichever sessions and pipelines they come through.

A call puts hooks on the modules, changes the pipeline's state and the VAE's dtype. Two pipelines made by ``from_pipe`` share their
modules, so the lock belongs to each module and not to the pipeline.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from weakref import WeakKeyDictionary

from torch import nn

_numbers = count()
_locks: WeakKeyDictionary[nn.Module, FairLock] = WeakKeyDictionary()
_registering = threading.Lock()


class FairLock:
    """Threads get it in the order in which they asked. Its owner may take it again. Waiting can be interrupted (Ctrl-C)."""

    def __init__(self) -> None:
        self.number = next(_numbers)
        self._changed = threading.Condition()
        self._queue: deque[object] = deque()
        self._owner: int | None = None
        self._depth = 0

    def __enter__(self) -> FairLock:
        with self._changed:
            if self._owner != threading.get_ident():
                self._wait()
            self._depth += 1
        return self

    def __exit__(self, *exc: object) -> None:
        with self._changed:
            self._depth -= 1
            if not self._depth:
                self._owner = None
                self._changed.notify_all()

    @property
    def waiting(self) -> int:
        """How many threads are in the queue."""
        return len(self._queue)

    def _wait(self) -> None:
        ticket = object()
        self._queue.append(ticket)
        try:
            while self._owner is not None or self._queue[0] is not ticket:
                self._changed.wait()
            self._owner = threading.get_ident()
        finally:
            self._queue.remove(ticket)
            self._changed.notify_all()  # an interrupted thread may have been the next


def lock_of(module: nn.Module) -> FairLock:
    """The one lock of a module; a compiled module shares that of the module it was made of."""
    original = getattr(module, "_orig_mod", module)
    with _registering:
        return _locks.setdefault(original, FairLock())


@contextmanager
def exclusive(modules: Iterable[nn.Module]) -> Iterator[None]:
    """Wait for all the modules and keep other threads from them. All callers take locks in one order, so none waits forever."""
    locks = {lock.number: lock for lock in map(lock_of, modules)}
    with ExitStack() as stack:
        for number in sorted(locks):
            stack.enter_context(locks[number])
        yield
