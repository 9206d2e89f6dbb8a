"""Tables and the HTML report of where the subject error comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PIL import Image

from seal_sdk.evaluation.metrics.error_split import SOURCES
from seal_sdk.evaluation.reports import page
from seal_sdk.evaluation.reports.grid import Tile, grid
from seal_sdk.evaluation.reports.table import cell
from seal_sdk.evaluation.tasks.error_split import ERROR, SplitPicture, SplitSummary

_WORST = 12  # questions on the sheet


def split_table(summary: SplitSummary) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Head and lines: for each method the error and its parts in RGB levels, then the parts' shares of it in %."""
    head = (f"{summary['seeds']} seeds", ERROR.replace("_", " "), *SOURCES)
    lines = []
    for name, each in summary["methods"].items():
        lines.append((name, cell(each["subject_error"]), *(cell(each["parts"][source]) for source in SOURCES)))
        lines.append(("  share", "", *(f"{100 * each['shares'][source]['mean']:.0f} %" for source in SOURCES)))
    return head, lines


def split_report(summary: SplitSummary, pictures: Sequence[SplitPicture], settings: Mapping[str, object]) -> str:
    """A self-contained HTML page: the table, and the questions on which the first method is worst."""
    parts = [
        page.facts(settings),
        page.table(*split_table(summary)),
        page.heading("The worst pictures"),
        page.picture(_sheet(pictures), "reference, truth and the pictures of all methods, the worst first"),
    ]
    return page.page("SeAl: where the error comes from", parts)


def _sheet(pictures: Sequence[SplitPicture]) -> Image.Image:
    names = list(dict.fromkeys(each.method for each in pictures))
    drawn = {(each.triple.seed, each.triple.kind, each.method): each for each in pictures}
    worst = sorted((each for each in pictures if each.method == names[0]), key=lambda each: -each.values[ERROR])
    rows, captions = [], []
    for first in worst[:_WORST]:
        triple = first.triple
        chosen = [drawn[triple.seed, triple.kind, name] for name in names]
        rows.append(
            [Tile(Image.fromarray(each.image)) for each in (triple.reference, triple.structure, triple.truth)]
            + [Tile(Image.fromarray(each.image), f"{each.values[ERROR]:.0f}") for each in chosen]
        )
        sources = ", ".join(f"{source} {first.values[source]:.1f}" for source in SOURCES)
        captions.append(f"{triple.seed} {triple.kind}: {sources}")
    titles = ("reference", "structure", "truth", *names)
    return grid(titles, rows, worst[0].image.shape[0], captions)
