"""The sentences of the paper's findings, replayed on the exact benchmark with several bases side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict

from seal_sdk.errors import ConfigError
from seal_sdk.evaluation.claims.ablation import Ablation, AblationSummary, drawn, summarize_ablation, variant
from seal_sdk.evaluation.claims.claim import combined
from seal_sdk.evaluation.claims.cost import summarize_cost
from seal_sdk.evaluation.claims.sentences import COST, SENTENCES, Sentence
from seal_sdk.evaluation.cost.speed import SpeedSummary
from seal_sdk.evaluation.methods import Method
from seal_sdk.evaluation.questions.triples import COLOR, PLAIN
from seal_sdk.evaluation.tasks.quality import Results


class BaseSummary(TypedDict):
    """A sentence with one base: the verdict on all claims together, and the figures behind it, by the ablation's name."""

    verdict: str
    ablations: dict[str, AblationSummary]


class SentenceSummary(TypedDict):
    """A sentence: its text, the paper's section, what of it cannot be seen here ("" for nothing), and base -> what was found."""

    sentence: str
    section: str
    unseen: str
    bases: dict[str, BaseSummary]


class ClaimsSummary(TypedDict):
    """Plain JSON of all sentences. seeds: how many were asked; 0 where only cost was. speed: `measure_speed`, if cost was asked for."""

    sentences: dict[str, SentenceSummary]
    seeds: int
    speed: SpeedSummary | None


def choose_sentences(only: str | None) -> tuple[str, ...]:
    """Names separated by commas; all of `SENTENCES` for None. Raises ConfigError if one is unknown."""
    names = tuple(SENTENCES) if only is None else tuple(filter(None, only.replace(" ", "").split(",")))
    unknown = [name for name in names if name not in SENTENCES]
    if unknown or not names:
        wrong = unknown[0] if unknown else ""
        raise ConfigError(f"There is no claim {wrong!r}; choose from {', '.join(SENTENCES)}.")
    return tuple(dict.fromkeys(names))


def check_bases(bases: Sequence[str]) -> tuple[str, ...]:
    """The bases, each once. Raises ConfigError for one that is no method, or has not the settings that are changed."""
    for base in bases:
        for sentence in SENTENCES.values():
            for ablation in sentence.ablations.values():
                for settings in ablation.variants.values():
                    variant(base, settings)
    return tuple(dict.fromkeys(bases))


def methods_of(bases: Sequence[str], names: Sequence[str]) -> dict[str, list[Method]]:
    """`PLAIN` and `COLOR` -> what is drawn for these sentences; variants with the same settings once."""
    ablations = _ablations(names)
    return {question: drawn(bases, ablations, question) for question in (PLAIN, COLOR)}


def summarize_claims(
    results: Results | None, speed: SpeedSummary | None, bases: Sequence[str], names: Sequence[str]
) -> ClaimsSummary:
    """The verdict on each sentence, with the figures behind it.

    Args:
        results: Scores of what `methods_of` lists; None if nothing was drawn.
        speed: What was measured of time and memory; None if it was not.
        bases: The methods that variants are of.
        names: Some of `SENTENCES`.
    """
    methods = methods_of(bases, names)
    sentences = {
        name: _sentence(SENTENCES[name], {base: _found(name, results, speed, base, methods) for base in bases})
        for name in names
    }
    seeds = len({triple.seed for answers in results.kinds().values() for triple in answers.triples}) if results else 0
    return {"sentences": sentences, "seeds": seeds, "speed": speed}


def _ablations(names: Sequence[str]) -> list[Ablation]:
    return [ablation for name in names for ablation in SENTENCES[name].ablations.values()]


def _found(
    name: str,
    results: Results | None,
    speed: SpeedSummary | None,
    base: str,
    methods: Mapping[str, Sequence[Method]],
) -> dict[str, AblationSummary]:
    """The figures of a sentence with one base, by the ablation's name."""
    if name == COST:
        cost = summarize_cost(speed, base) if speed else None
        return {} if cost is None else {COST: cost}
    assert results is not None
    answers = results.kinds()
    return {
        key: summarize_ablation(
            ablation,
            base,
            methods[ablation.question],
            answers[ablation.question].triples,
            answers[ablation.question].scores,
        )
        for key, ablation in SENTENCES[name].ablations.items()
    }


def _sentence(sentence: Sentence, found: Mapping[str, dict[str, AblationSummary]]) -> SentenceSummary:
    return {
        "sentence": sentence.text,
        "section": sentence.section,
        "unseen": sentence.unseen,
        "bases": {
            base: {
                "verdict": combined([claim["verdict"] for each in ablations.values() for claim in each["claims"]]),
                "ablations": ablations,
            }
            for base, ablations in found.items()
        },
    }
