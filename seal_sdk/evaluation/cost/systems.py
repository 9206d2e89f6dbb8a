"""The systems that are timed. Each is prepared, run once under a stopwatch, and put away."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cached_property, partial
from typing import Any

from seal_sdk.evaluation.baselines import BASELINES
from seal_sdk.evaluation.baselines.controlnet_ip_adapter import NAME as ADAPTER
from seal_sdk.evaluation.baselines.controlnet_ip_adapter import ControlNetPipeline, weight_bytes
from seal_sdk.evaluation.cost.phases import loop_target, sam_target, store_targets
from seal_sdk.evaluation.cost.plain_forwards import PlainForwards
from seal_sdk.evaluation.cost.random_models import save_random_adapter
from seal_sdk.evaluation.cost.stopwatch import Stopwatch, Target, timed
from seal_sdk.evaluation.cost.workplace import NAME, Workplace, forget_page_cache
from seal_sdk.identity import Identity
from seal_sdk.session import IdentitySession

REGISTER, GENERATE = "register", "generate"
"""Parts of a run, beside those of `phases`."""
Run = Callable[[Stopwatch], None]
System = Callable[["Bench"], AbstractContextManager[Run]]
"""Prepares a run. What is inside of the context but outside of the run is not timed."""


class Bench(ExitStack):
    """A workplace, and what systems keep from one repeat to the next; closed with the context."""

    def __init__(self, place: Workplace) -> None:
        super().__init__()
        self.place = place

    @cached_property
    def hot_session(self) -> IdentitySession:
        """A session that has drawn before."""
        session = self.enter_context(self.place.session())
        self.place.generate(session)
        return session

    @cached_property
    def baseline_session(self) -> IdentitySession:
        """The session whose backbone baselines use."""
        return self.enter_context(self.place.session())

    @cached_property
    def baseline_identity(self) -> Identity:
        """The reference, its image and mask in memory, as baselines are given it."""
        identity = self.baseline_session.use(NAME)
        _ = identity.image, identity.mask
        return identity

    @cached_property
    def adapter(self) -> ControlNetPipeline:
        """ControlNet and IP-Adapter with random weights, loaded."""
        weights = save_random_adapter(self.place.folder / "adapter", self.place.pipe)
        adapter = ControlNetPipeline(self.baseline_session, weights)
        adapter.draw(self.place.question(self.baseline_identity))
        return adapter

    @cached_property
    def step_forwards(self) -> PlainForwards:
        """As many rows as a generation's steps have."""
        return PlainForwards(self.place, self.place.step_rows)

    @cached_property
    def capture_forwards(self) -> PlainForwards:
        """As many rows as a registration has."""
        return PlainForwards(self.place, self.place.capture_rows)

    def weight_bytes(self, name: str) -> int:
        """Bytes of all weights that a system draws with, without a subject finder's."""
        return self.adapter.weight_bytes() if name == ADAPTER else weight_bytes(self.place.pipe)


@contextmanager
def _plain(bench: Bench) -> Iterator[Run]:
    yield lambda watch: bench.place.draw_plain()


@contextmanager
def _step_forwards(bench: Bench) -> Iterator[Run]:
    forwards = bench.step_forwards
    yield lambda watch: forwards.run()


@contextmanager
def _capture_forwards(bench: Bench) -> Iterator[Run]:
    forwards = bench.capture_forwards
    yield lambda watch: forwards.run()


@contextmanager
def _cold(bench: Bench) -> Iterator[Run]:
    """Registering and drawing in an empty store."""
    with bench.place.empty_store() as store, bench.place.session(store) as session:
        yield partial(_register_and_generate, bench.place, session)


@contextmanager
def _warm(bench: Bench) -> Iterator[Run]:
    """A new session on a store that has the identity: K/V come from the disk."""
    with bench.place.session() as session:
        forget_page_cache(bench.place.store)
        yield partial(_generate, bench.place, session)


@contextmanager
def _hot(bench: Bench) -> Iterator[Run]:
    """The session that drew before: K/V are in memory."""
    session = bench.hot_session
    yield partial(_generate, bench.place, session)


@contextmanager
def _stateless(bench: Bench) -> Iterator[Run]:
    """The paper's procedure, everything anew for each picture. The paper keeps nothing, so the store's own time does not count."""
    with bench.place.empty_store() as store, bench.place.session(store, preset="paper") as session:

        def run(watch: Stopwatch) -> None:
            capture = Target("capture", session.backbone, "predict")  # the store asks for it while it writes
            with timed(watch, [*store_targets(session), capture]):
                _register_and_generate(bench.place, session, watch)

        yield run


@contextmanager
def _baseline(name: str, bench: Bench) -> Iterator[Run]:
    drawer, asked = BASELINES[name](bench.baseline_session), bench.place.question(bench.baseline_identity)
    yield lambda watch: drawer.draw(asked)  # type: ignore[misc]  # the picture is not looked at


@contextmanager
def _adapter(bench: Bench) -> Iterator[Run]:
    adapter, asked = bench.adapter, bench.place.question(bench.baseline_identity)
    yield lambda watch: adapter.draw(asked)  # type: ignore[misc]  # likewise


def _register_and_generate(place: Workplace, session: IdentitySession, watch: Stopwatch) -> None:
    with timed(watch, [sam_target(session)]), watch.part(REGISTER):
        place.register(session)
    _generate(place, session, watch)


def _generate(place: Workplace, session: IdentitySession, watch: Stopwatch) -> None:
    with timed(watch, [loop_target()]), watch.part(GENERATE):
        place.generate(session)


SYSTEMS: Mapping[str, System] = {
    "plain": _plain,
    "plain-rows": _step_forwards,
    "plain-capture": _capture_forwards,
    "cold": _cold,
    "warm": _warm,
    "hot": _hot,
    "stateless": _stateless,
    "ctrlx": partial(_baseline, "ctrlx"),
    "drf": partial(_baseline, "drf"),
    ADAPTER: _adapter,
}
WHAT: Mapping[str, Any] = {
    "plain": "the prompt alone, by diffusers' own pipeline with classifier-free guidance: the limit",
    "plain-rows": "plain UNet forwards, each with as many rows as that step of the method has",
    "plain-capture": "plain UNet forwards with as many rows as a registration has",
    "cold": "register and generate, in an empty store",
    "warm": "generate in a new session; keys and values come from the disk",
    "hot": "generate in a session that has drawn before; keys and values are in memory",
    "stateless": "the paper's procedure, everything anew for each picture, without the time of a store",
    "ctrlx": "Ctrl-X: the reference runs along in each step",
    "drf": "DRF: Ctrl-X with feedback through the UNet; its backward passes are no rows",
    ADAPTER: "a ControlNet and an IP-Adapter, by diffusers' own pipeline, with random weights",
}
