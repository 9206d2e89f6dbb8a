"""The curves of `growth`: what is along each, what is measured at a point, and how steep it may be."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from seal_sdk.evaluation.cost.stopwatch import Stopwatch
from seal_sdk.evaluation.cost.workplace import NAME, SEED, Workplace
from seal_sdk.evaluation.questions.references import further_photos
from seal_sdk.evaluation.questions.triples import triples
from seal_sdk.session import IdentitySession

OURS, PLAIN, REGISTER = "ours", "plain", "register"
"""Names of series: drawing with the method, the prompt alone by diffusers' pipeline, and registering."""
Costs = Mapping[str, float]
"""Series -> seconds."""


class Measuring(ExitStack):
    """A workplace, and the session that points are measured with; closed with the context."""

    def __init__(self, place: Workplace) -> None:
        super().__init__()
        self.place = place
        self._this_repeat: Costs | None = None

    def begin_repeat(self) -> None:
        """What is measured once a repeat is measured anew."""
        self._this_repeat = None

    def registration_and_picture(self) -> Costs:
        """Seconds of one registration (`REGISTER`) and one picture (`OURS`), measured once a repeat."""
        if self._this_repeat is None:
            self._this_repeat = {REGISTER: self.register(), OURS: self.draw()}
        return self._this_repeat

    @cached_property
    def session(self) -> IdentitySession:
        """A session that has drawn before."""
        session = self.enter_context(self.place.session())
        self.place.generate(session)
        return session

    def seconds(self, call: Callable[[], object]) -> float:
        """How long it takes."""
        watch = Stopwatch(self.place.device)
        with watch.part("call"):
            call()
        return float(watch.whole["call"])

    def draw(self, **given: Any) -> float:
        """Seconds of the task's picture with these arguments of ``session.generate``."""
        return self.seconds(lambda: self.place.generate(self.session, **given))

    def draw_plain(self, **given: Any) -> float:
        """Seconds of `Workplace.draw_plain`."""
        return self.seconds(lambda: self.place.draw_plain(**given))

    def register(self, **given: Any) -> float:
        """Seconds of registering the task's reference in an empty store."""
        with self.place.empty_store() as store, self.place.session(store) as session:
            return self.seconds(lambda: self.place.register(session, **given))


Measure = Callable[[Measuring, int], Costs]


@dataclass(frozen=True)
class Curve:
    """One curve.

    Attributes:
        title: What is along it.
        points: Its usual points.
        measure: The costs at a point.
        prepare: Makes what a point needs; also draws there once, so that nothing is measured for the first time.
        along: What a point is on the axis: itself, or pixels a side.
        limit: How steep the log-log plot may be; None: as steep as plain SDXL's.
        most: The largest point that it can have; None: any.
        computed: Whether points are computed from one registration and one picture.
    """

    title: str
    points: Sequence[int]
    measure: Measure
    prepare: Callable[[Measuring, int], object] = lambda measuring, point: measuring.session
    along: Callable[[Workplace, int], int] = lambda place, point: point
    limit: float | None = 1.0
    most: int | None = None
    computed: bool = False


def _side(measuring: Measuring, point: int) -> Costs:
    side = measuring.place.side * point
    return {OURS: measuring.draw(height=side, width=side), PLAIN: measuring.draw_plain(size=side)}


def _steps(measuring: Measuring, point: int) -> Costs:
    return {OURS: measuring.draw(num_inference_steps=point), PLAIN: measuring.draw_plain(steps=point)}


def _pictures(measuring: Measuring, point: int) -> Costs:
    """A picture's share of one registration and of so many pictures."""
    measured = measuring.registration_and_picture()
    return {OURS: measured[REGISTER] / point + measured[OURS]}


def _batch(measuring: Measuring, point: int) -> Costs:
    seeds = [SEED + number for number in range(point)]
    return {OURS: measuring.draw(num_images_per_prompt=point, seed=seeds), PLAIN: measuring.draw_plain(images=point)}


def _identities(measuring: Measuring, point: int) -> Costs:
    return {OURS: measuring.draw(**_side_by_side(measuring.place, point))}


def _side_by_side(place: Workplace, count: int) -> dict[str, Any]:
    """Arguments for so many identities in one picture, each in a column of its own, without a structure image."""
    side, wide = place.side, place.side // count
    boxes = {_other(number): (number * wide, 0, (number + 1) * wide, side) for number in range(count)}
    return {"identity": boxes, "structure": None, "structure_prompt": None}


def _register_others(measuring: Measuring, count: int) -> None:
    """Register so many different subjects."""
    for number, triple in enumerate(triples(range(SEED, SEED + count), ("mesh",), measuring.place.side)):
        measuring.place.register(
            measuring.session,
            image=triple.reference.image,
            prompt=triple.reference_prompt,
            name=_other(number),
            mask=triple.reference.mask,
        )
    _identities(measuring, count)


def _other(number: int) -> str:
    return f"subject {number}"


def _references(measuring: Measuring, point: int) -> Costs:
    return {OURS: measuring.draw(identity=(NAME, *map(_photo, range(point - 1))))}


def _register_photos(measuring: Measuring, count: int) -> None:
    """Register further photos of the task's subject."""
    for number, (photo, prompt) in enumerate(further_photos(measuring.place.triple, count - 1)):
        given = dict(image=photo.image, prompt=prompt, name=_photo(number), mask=photo.mask)
        measuring.place.register(measuring.session, **given)
    _references(measuring, count)


def _photo(number: int) -> str:
    return f"photo {number}"


def _timesteps(measuring: Measuring, point: int) -> Costs:
    return {REGISTER: measuring.register(timesteps=point), OURS: measuring.draw(identity=_anchored(point))}


def _register_timesteps(measuring: Measuring, count: int) -> None:
    measuring.place.register(measuring.session, name=_anchored(count), timesteps=count)
    measuring.draw(identity=_anchored(count))


def _anchored(count: int) -> str:
    return f"{count} timesteps"


CURVES: Mapping[str, Curve] = {
    "side": Curve("pixels a side", (1, 2, 3, 4), _side, _side, lambda place, point: place.side * point, limit=None),
    "steps": Curve("steps", (4, 8, 16, 32), _steps),
    "pictures": Curve("pictures of an identity", (1, 5, 20, 100), _pictures, limit=0.0, computed=True),
    "batch": Curve("pictures in a call", (1, 2, 4, 8), _batch),
    "identities": Curve("identities in a picture", (1, 2, 3), _identities, _register_others, most=3),
    "references": Curve("references of a subject", (1, 2, 3), _references, _register_photos),
    "timesteps": Curve("cached timesteps", (1, 2, 4, 8), _timesteps, _register_timesteps),
}
