"""Where the time of one registration and of one generation goes, and how often a step waits for the device."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypedDict, TypeVar

from seal_sdk.callbacks import Callback
from seal_sdk.evaluation.cost.host_syncs import SyncCount, host_syncs
from seal_sdk.evaluation.cost.phases import REST, generate_phases, register_phases
from seal_sdk.evaluation.cost.stopwatch import Stopwatch, Target, replaced, timed
from seal_sdk.evaluation.cost.workplace import Workplace, forget_page_cache
from store import StoredIdentity

TOTAL = "total"
Result = TypeVar("Result")
Phases = dict[str, float]
"""Phase -> seconds, `REST` among them; they add up to `TOTAL`."""


class StoreReads(TypedDict):
    """What a generation from the disk reads. bytes: of K/V. reads: tier -> cached timesteps. identity_bytes: K/V of the whole identity."""

    bytes: int
    reads: dict[str, int]
    identity_bytes: int


def profile_phases(place: Workplace) -> tuple[dict[str, Phases], StoreReads]:
    """Phases of a registration ("register"), a generation in a new session ("warm"), and the next one in it ("hot")."""
    phases: dict[str, Phases] = {}
    with place.empty_store() as store, place.session(store) as session:
        phases["register"], identity = _profile(place, register_phases(session), lambda: place.register(session))
    forget_page_cache(place.store)
    with place.session() as session:
        targets = generate_phases(session)
        with read_bytes() as sizes:
            phases["warm"], drawn = _profile(place, targets, lambda: place.generate(session))
        phases["hot"], _ = _profile(place, targets, lambda: place.generate(session))
    return phases, {"bytes": sum(sizes), "reads": drawn.reads, "identity_bytes": identity.nbytes}


def _profile(place: Workplace, targets: Sequence[Target], call: Callable[[], Result]) -> tuple[Phases, Result]:
    """The phases of a call, and its result."""
    watch = Stopwatch(place.device)
    with timed(watch, targets), watch.part(REST):
        result = call()
    order = dict.fromkeys(target.part for target in targets)
    phases = {part: float(watch.own[part]) for part in (*order, REST) if part in watch.own}
    return {**phases, TOTAL: float(watch.whole[REST])}, result


@contextmanager
def read_bytes() -> Iterator[list[int]]:
    """While inside, each read of a cached timestep from a store adds its bytes to the list."""
    sizes: list[int] = []

    def counting(step: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(step)
        def read(*args: Any, **kwargs: Any) -> Any:
            arrays = step(*args, **kwargs)
            sizes.append(sum(array.nbytes for array in arrays.values()))
            return arrays

        return read

    with replaced(StoredIdentity, "step", counting):
        yield sizes


def profile_syncs(place: Workplace, names: Collection[str]) -> dict[str, float | None]:
    """How often a step waits for the device, in the mean over all but the first; see `host_syncs`.

    names: of systems; "plain" and "hot" are counted.
    """
    counted = {"plain": _plain_syncs, "hot": _hot_syncs}
    return {name: count(place) for name, count in counted.items() if name in names}


def _plain_syncs(place: Workplace) -> float | None:
    with host_syncs(place.device) as count:
        marks = _StepMarks(count)
        place.draw_plain(callback_on_step_end=marks.diffusers)
    return marks.per_step


def _hot_syncs(place: Workplace) -> float | None:
    with place.session() as session:
        place.generate(session)
        with host_syncs(place.device) as count:
            marks = _StepMarks(count)
            place.generate(session, callbacks=[marks])
    return marks.per_step


class _StepMarks(Callback):
    """Notes the count at the end of each step."""

    def __init__(self, count: SyncCount) -> None:
        self._count = count
        self._marks: list[int] = []

    def on_step_end(self, session: Any, index: int, timestep: float, latents: Any) -> None:
        """The session's callback."""
        self._marks.append(self._count())

    def diffusers(self, pipe: Any, index: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        """Diffusers' callback."""
        self._marks.append(self._count())
        return tensors

    @property
    def per_step(self) -> float | None:
        """None with fewer than two steps."""
        steps = len(self._marks) - 1
        return (self._marks[-1] - self._marks[0]) / steps if steps > 0 else None
