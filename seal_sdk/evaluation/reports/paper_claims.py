"""The sentences of the paper with their verdicts: wrapped text for terminals, and an HTML page with the plots behind them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping

from seal_sdk.evaluation.claims.claim import HOLDS, ClaimSummary
from seal_sdk.evaluation.reports import page
from seal_sdk.evaluation.reports.ablations import HOW, change, figures, measured_by
from seal_sdk.evaluation.tasks.paper_claims import BaseSummary, ClaimsSummary, SentenceSummary

Table = tuple[tuple[str, ...], list[tuple[str, ...]]]


def verdict_table(summary: ClaimsSummary) -> Table:
    """The head and the lines of a table with one line for each sentence, and one column for each base."""
    bases = _bases(summary)
    lines: list[tuple[str, ...]] = [
        (str(number), name, *(verdict_of(sentence, base) for base in bases))
        for number, (name, sentence) in enumerate(summary["sentences"].items(), 1)
    ]
    return ("", "claim", *bases), lines


def verdict_of(sentence: SentenceSummary, base: str) -> str:
    """The verdict on a sentence with one base, and whether that is about a part of it."""
    found = sentence["bases"][base]
    if not found["ablations"]:
        return f"{found['verdict']}: not measured of this base"
    return found["verdict"] + (", as far as seen here" if sentence["unseen"] and found["verdict"] == HOLDS else "")


def claims_text(summary: ClaimsSummary, width: int = 100) -> str:
    """All sentences as text: each with its verdicts and the figures behind them, no line longer than ``width`` characters."""
    lines: list[str] = []
    for number, sentence in enumerate(summary["sentences"].values(), 1):
        lines += _indented(f"{number}. {sentence['sentence']}", width, 0, 3)
        if sentence["unseen"]:
            lines += _indented(f"Not seen here: {sentence['unseen']}.", width, 3)
        for base, found in sentence["bases"].items():
            lines += _indented(f"{base}: {verdict_of(sentence, base).upper()}", width, 3)
            for claim in _claims(found):
                lines += _indented(f"- {_line(claim)}", width, 5, 7)
        lines.append("")
    return "\n".join(lines)


def claims_report(summary: ClaimsSummary, settings: Mapping[str, object]) -> str:
    """A self-contained HTML page: all verdicts, then each sentence with its claims, tables and plots for each base.

    settings: Names and values that reproduce the images.
    """
    head, lines = verdict_table(summary)
    sentences = summary["sentences"].values()
    said = [
        (number, each["sentence"], *verdicts) for (number, _, *verdicts), each in zip(lines, sentences, strict=True)
    ]
    parts = [page.facts(settings), page.table(head, said, texts=(1,)), page.paragraph(HOW), page.paragraph(_MORE)]
    for number, (name, sentence) in enumerate(summary["sentences"].items(), 1):
        parts += [page.heading(f"{number}. {name}"), *_section(sentence)]
    return page.page("SeAl: the paper's claims", parts)


def _section(sentence: SentenceSummary) -> Iterator[str]:
    """A sentence's elements of the page."""
    yield page.paragraph(f"“{sentence['sentence']}” (paper, {sentence['section']})")
    if sentence["unseen"]:
        yield page.paragraph(f"Not seen here: {sentence['unseen']}.")
    head, lines = _claim_table(sentence)
    yield page.table(head, lines, texts=range(len(head)))
    for base, found in sentence["bases"].items():
        for ablation in found["ablations"].values():
            yield page.heading(f"{base}: {ablation['title']}", level=3)
            yield from figures(ablation)


def _claim_table(sentence: SentenceSummary) -> Table:
    """A line for each claim; the bases have the same claims, or none."""
    bases = sentence["bases"]
    by_base = {base: list(_claims(found)) for base, found in bases.items()}
    head = ["claim", "measured by", "along"]
    for base in bases:
        head += [f"change, {base}", f"verdict, {base}"]
    lines: list[tuple[str, ...]] = []
    most: list[ClaimSummary] = max(by_base.values(), key=len)
    for index, claim in enumerate(most):
        cells = [claim["claim"], measured_by(claim), " → ".join(claim["along"])]
        for claims in by_base.values():
            cells += [change(claims[index]), claims[index]["verdict"]] if claims else ["", "not measured"]
        lines.append(tuple(cells))
    return tuple(head), lines


def _line(claim: ClaimSummary) -> str:
    """A claim on one line: its text, its verdict, and the figures."""
    along = " → ".join(claim["along"])
    return f"{claim['claim']} {claim['verdict'].capitalize()}: {measured_by(claim)}, {along}: {change(claim)}"


def _claims(found: BaseSummary) -> Iterator[ClaimSummary]:
    for ablation in found["ablations"].values():
        yield from ablation["claims"]


def _bases(summary: ClaimsSummary) -> list[str]:
    return list(next(iter(summary["sentences"].values()))["bases"])


def _indented(text: str, width: int, indent: int, further: int | None = None) -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + 2 if further is None else further),
        break_on_hyphens=False,
    )


_MORE = (
    "A sentence holds where all its claims do, and holds in part where some do. Outlines and joints without AnchorAlign are compared with "
    "those of structure alone in the same place, as subjects then differ in size. Claims about misalignment compare the third of the seeds "
    "whose boxes differ most with the third whose boxes differ least. Claims of cost have intervals over repeats; memory has to differ by "
    "a tenth."
)
