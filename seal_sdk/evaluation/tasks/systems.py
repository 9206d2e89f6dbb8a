"""All systems of the paper's comparison in one run: how well each draws, and what it costs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from seal_sdk.errors import ConfigError
from seal_sdk.evaluation.cost.amortised import break_evens
from seal_sdk.evaluation.cost.machine import machine_facts
from seal_sdk.evaluation.cost.subject_costs import System, SystemCosts, measure_costs
from seal_sdk.evaluation.methods import Method
from seal_sdk.evaluation.painter import Painter
from seal_sdk.evaluation.questions.siblings import sibling
from seal_sdk.evaluation.questions.triples import KINDS, Triple
from seal_sdk.evaluation.session import benchmark_session
from seal_sdk.evaluation.tasks.quality import Results, Setup, measure_quality, open_session
from seal_sdk.evaluation.tasks.scoring import drawing_of

SYSTEMS = (
    "structure",
    "controlnet",
    "ip-adapter",
    "controlnet+ip-adapter",
    "freecontrol",
    "ctrlx",
    "drf",
    "cross-image",
    "concat",
    "style-aligned",
    "dreambooth-lora",
    "textual-inversion",
    "seal:preset=paper",
    "seal",
)
"""The methods of the comparison."""


class Costs(TypedDict):
    """Plain JSON.

    Attributes:
        machine: What the times depend on.
        subjects: Seeds of the subjects that were measured.
        systems: Name -> its costs.
        break_even: As of `break_evens`.
    """

    machine: dict[str, Any]
    subjects: list[int]
    systems: dict[str, SystemCosts]
    break_even: dict[str, dict[str, int | None]]


@dataclass(frozen=True)
class SystemResults:
    """Quality and costs of all systems."""

    quality: Results
    costs: Costs

    def to_json(self) -> dict[str, Any]:
        """The document of ``seal bench quality``, with "costs" beside."""
        return {**self.quality.summary(), "costs": self.costs}


def measure_systems(
    seeds: Sequence[int],
    methods: Sequence[Method],
    *,
    kinds: Sequence[str] = KINDS[:3],
    setup: Setup = Setup(),
    scores: Path | None = None,
    subjects: int = 3,
) -> SystemResults:
    """Score all systems as `measure_quality` does, with conflicts of colour, then measure their costs. Shows progress on a terminal.

    Args:
        seeds: Seeds of the world.
        methods: The systems. The ground truth ("exact") has no costs.
        kinds: Kinds of structure images; costs are measured with the first.
        setup: Settings that all systems share.
        scores: As of `measure_quality`. Costs are measured anew.
        subjects: How many subjects costs are measured on. They are of one species, the one that most seeds have; where fewer have it, fewer
            are measured.

    Raises:
        ConfigError, SizeError: As of `measure_quality`; ConfigError also if ``subjects`` is less than 1, or no method is a system.
    """
    if subjects < 1:
        raise ConfigError(f"subjects={subjects!r}: expected an integer >= 1.")
    drawn = [method for method in methods if not method.exact]
    if not drawn:
        raise ConfigError("'exact' is the ground truth, which costs nothing; name a system beside it.")
    quality = measure_quality(seeds, methods, kinds=kinds, conflict_methods=methods, setup=setup, scores=scores)
    return SystemResults(quality, _costs(drawn, _of_one_species(quality.plain.triples, subjects), setup))


def _costs(methods: Sequence[Method], asked: Sequence[Triple], setup: Setup) -> Costs:
    masks_given = setup.boxes == "true"
    warm_up, *subjects = (drawing_of(triple, masks_given) for triple in (sibling(asked[0]), *asked))
    with _systems(methods, setup) as systems:
        measured = measure_costs(systems, warm_up, subjects)
        return {
            "machine": machine_facts(systems[0].session.pipe),
            "subjects": [triple.seed for triple in asked],
            "systems": measured,
            "break_even": break_evens(measured),
        }


def _of_one_species(asked: Sequence[Triple], count: int) -> list[Triple]:
    """The first question of each of so many seeds, whose subjects are of the most frequent species."""
    firsts = {triple.seed: triple for triple in reversed(asked)}
    triples = [firsts[seed] for seed in dict.fromkeys(triple.seed for triple in asked)]
    ((species, _),) = Counter(triple.identity.species for triple in triples).most_common(1)
    return [triple for triple in triples if triple.identity.species == species][:count]


@contextmanager
def _systems(methods: Sequence[Method], setup: Setup) -> Iterator[list[System]]:
    """Each method in a session of its own, with a store of its own; all share a model and a subject finder."""
    sampling = {"num_inference_steps": setup.steps, "guidance_scale": setup.guidance}
    with open_session(setup) as first, ExitStack() as stack:
        systems = []
        for method in methods:
            session = stack.enter_context(benchmark_session(first.pipe, first.segmenter))
            session.sampling_defaults = first.sampling_defaults
            systems.append(System(method, session, Painter(session, sampling)))
        yield systems
