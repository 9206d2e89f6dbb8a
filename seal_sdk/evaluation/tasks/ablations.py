"""The paper's ablations on the exact benchmark: each changes one setting, and the paper's claims are tested on the same seeds."""

from __future__ import annotations

from collections.abc import Sequence

from seal_sdk.errors import ConfigError
from seal_sdk.evaluation.claims.ablation import AblationSummary, drawn, summarize_ablation
from seal_sdk.evaluation.claims.ablations import ABLATIONS
from seal_sdk.evaluation.methods import Method
from seal_sdk.evaluation.tasks.quality import Results


def choose(only: str | None) -> tuple[str, ...]:
    """Names separated by commas; all of `ABLATIONS` for None. Raises ConfigError if one is unknown."""
    names = tuple(ABLATIONS) if only is None else tuple(filter(None, only.replace(" ", "").split(",")))
    unknown = [name for name in names if name not in ABLATIONS]
    if unknown or not names:
        raise ConfigError(f"There is no ablation {only!r}; choose from {', '.join(ABLATIONS)}.")
    return names


def methods(base: str, names: Sequence[str], question: str) -> list[Method]:
    """All variants of the named ablations that are measured on this kind of question, each once."""
    return drawn([base], [ABLATIONS[name] for name in names], question)


def summarize_ablations(results: Results, base: str, names: Sequence[str]) -> dict[str, AblationSummary]:
    """The means of all variants and the verdict on each claim, by the name of the ablation: plain JSON.

    Args:
        results: Scores of the variants that `methods` lists.
        base: The method whose settings were changed.
        names: Some of `ABLATIONS`.
    """
    answers, summaries = results.kinds(), {}
    for name in names:
        ablation = ABLATIONS[name]
        asked = answers[ablation.question]
        summaries[name] = summarize_ablation(
            ablation, base, methods(base, names, ablation.question), asked.triples, asked.scores
        )
    return summaries
