"""What a job does: it draws or registers, by calling the session."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from seal_sdk.callbacks import Callback
from seal_sdk.result import Generation

if TYPE_CHECKING:
    from seal_sdk.session import IdentitySession

NOBODY: dict[str, Any] = {"identity": False}


class Work(Protocol):
    """Something that a session does."""

    def joins(self, other: Work) -> bool:
        """Whether both can be done in one call of the session."""

    def run(self, session: IdentitySession, callback: Callback, others: Sequence[Work]) -> list[Any]:
        """Do it, and the others that join it, in one call. Returns one result each, its own first."""

    @property
    def images(self) -> int:
        """How many images it draws."""


@dataclass(frozen=True, eq=False)
class Drawing:
    """Draw images: ``session.generate``.

    seeds: one per image. each: arguments that every image of a batch has its own of (``structure``, ``prompt``, ``identity``,
    ``structure_prompt``, ``structure_box``, ``structure_mask``, ``negative_prompt``); without ``identity`` nobody is drawn, whichever
    identity the session has in use. shared: all other plain arguments, such as ``height`` and ``appearance``. pictures: ``image``,
    ``mask_image`` and what goes with them; drawings with pictures are drawn alone.
    """

    seeds: tuple[int, ...]
    each: Mapping[str, Any]
    shared: Mapping[str, Any] = field(default_factory=dict)
    pictures: Mapping[str, Any] = field(default_factory=dict)

    @property
    def images(self) -> int:
        """How many images it draws."""
        return len(self.seeds)

    def joins(self, other: Work) -> bool:
        """Whether both have the same settings and size."""
        return (
            isinstance(other, Drawing)
            and not (self.pictures or other.pictures)
            and dict(self.shared) == dict(other.shared)
        )

    def run(self, session: IdentitySession, callback: Callback, others: Sequence[Work]) -> list[Any]:
        """Draw all of it in one batch."""
        drawings = [self, *(each for each in others if isinstance(each, Drawing))]
        rows = [{**NOBODY, **drawing.each} for drawing in drawings for _ in drawing.seeds]
        names = sorted({name for row in rows for name in row})
        batch: dict[str, Any] = {name: [row.get(name) for row in rows] for name in names}
        batch["seed"] = [seed for drawing in drawings for seed in drawing.seeds]
        generation = session.generate(**batch, **self.shared, **self.pictures, callbacks=[callback])
        results, start = [], 0
        for drawing in drawings:
            results.append(_part(generation, start, start + drawing.images))
            start += drawing.images
        return results


@dataclass(frozen=True, eq=False)
class Registering:
    """Register a reference: ``session.register`` with these arguments. Its result is the Identity."""

    arguments: Mapping[str, Any]
    images = 0

    def joins(self, other: Work) -> bool:
        """Never."""
        return False

    def run(self, session: IdentitySession, callback: Callback, others: Sequence[Work]) -> list[Any]:
        """Register it."""
        return [session.register(**self.arguments, callbacks=[callback])]


@dataclass(frozen=True, eq=False)
class Calling:
    """Call something else with the session and the engine's callback, such as a look at the model. It is never joined."""

    function: Callable[[IdentitySession, Callback], Any]
    images = 0

    def joins(self, other: Work) -> bool:
        """Never."""
        return False

    def run(self, session: IdentitySession, callback: Callback, others: Sequence[Work]) -> list[Any]:
        """Call it."""
        return [self.function(session, callback)]


def _part(generation: Generation, start: int, stop: int) -> Generation:
    """Images ``start`` to ``stop`` of a batch. Timings, rows and reads are those of the whole."""
    lists = ("images", "seeds", "settings", "coverage", "timestep_distance", "aligned", "matches")
    return replace(generation, **{name: getattr(generation, name)[start:stop] for name in lists})
