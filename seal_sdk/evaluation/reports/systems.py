"""Tables, plots and HTML report of quality and costs of systems together."""

from __future__ import annotations

from collections.abc import Mapping

from seal_sdk.byte_sizes import human_size
from seal_sdk.evaluation.cost.amortised import PICTURES, amortised
from seal_sdk.evaluation.cost.subject_costs import SystemCosts
from seal_sdk.evaluation.metrics.measures import MEASURES
from seal_sdk.evaluation.metrics.prompt_following import COLOR_SUCCESS
from seal_sdk.evaluation.questions.triples import COLOR
from seal_sdk.evaluation.reports import page
from seal_sdk.evaluation.reports.quality import quality_parts
from seal_sdk.evaluation.reports.scatter import Mark, scatter
from seal_sdk.evaluation.reports.table import cell, heading
from seal_sdk.evaluation.statistics import Interval, Summary
from seal_sdk.evaluation.tasks.systems import Costs, SystemResults

Table = tuple[tuple[str, ...], list[tuple[str, ...]]]
"""A head and lines."""
_SHOWN = (
    "subject_error",
    "part_color_error",
    "pattern_error",
    "structure_iou",
    "keypoint_distance",
    "scene_error",
    "leakage",
)
_COSTS = ("once, s", "once, rows", "picture, s", "picture, rows", "kept", "peak")


def overview_table(summary: Summary, costs: Costs) -> Table:
    """Quality and costs of each system in one line."""
    metrics = [metric for metric in MEASURES if metric.name in _SHOWN]
    conflicts = summary["conflict_kinds"][COLOR]["methods"]
    lines = [
        (
            name,
            *(cell(values[metric.name]) for metric in metrics),
            _share(conflicts[name][COLOR_SUCCESS.name]),
            *_cost_cells(costs["systems"].get(name)),
        )
        for name, values in summary["methods"].items()
    ]
    return ("system", *(heading(metric) for metric in metrics), heading(COLOR_SUCCESS), *_COSTS), lines


def cost_table(costs: Costs) -> Table:
    """What a subject costs once, and each picture; then seconds of each of so many pictures of a subject."""
    head = ("system", *_COSTS, *(f"{count}: s" for count in PICTURES))
    return head, [
        (name, *_cost_cells(each), *(_seconds(amortised(each, count)) for count in PICTURES))
        for name, each in costs["systems"].items()
    ]


def break_even_table(costs: Costs) -> Table:
    """From how many pictures on a system (a column) takes no more seconds than another (a line)."""
    ahead = costs["break_even"]
    return ("no slower than", *ahead), [
        (name, *("" if name == each else _count(ahead[each][name]) for each in ahead)) for name in costs["systems"]
    ]


def break_even_words(costs: Costs) -> list[str]:
    """The same in a sentence for each system that works for a subject before it is drawn."""
    return [_sentence(name, others) for name, others in costs["break_even"].items() if others]


def systems_report(results: SystemResults, settings: Mapping[str, object], *, sheet_rows: int = 12) -> str:
    """A self-contained HTML page.

    Args:
        results: What `measure_systems` returned.
        settings: Names and values that reproduce them.
        sheet_rows: Questions on each contact sheet.
    """
    summary, costs = results.quality.summary(), results.costs
    parts = [page.facts({**settings, **costs["machine"], "cost subjects": ", ".join(map(str, costs["subjects"]))})]
    parts += [
        page.heading("Quality and costs"),
        page.paragraph(_HOW),
        page.table(*overview_table(summary, costs), dense=True),
    ]
    parts += [page.heading("Quality against the cost of a picture"), page.paragraph(_PLOTS)]
    parts += [_plot(summary, costs["systems"], count) for count in PICTURES]
    parts += [page.heading("Seconds of each picture"), page.paragraph(_AMORTISED), page.table(*cost_table(costs))]
    if costs["break_even"]:
        parts += [page.heading("Break-even"), page.paragraph(BREAK_EVEN), page.table(*break_even_table(costs))]
        parts += [page.paragraph(sentence) for sentence in break_even_words(costs)]
    return page.page(
        "SeAl: systems", [*parts, page.heading("Quality"), *quality_parts({"short": results.quality}, sheet_rows)]
    )


def _plot(summary: Summary, systems: Mapping[str, SystemCosts], count: int) -> str:
    marks = [
        Mark(
            name,
            amortised(costs, count),
            summary["methods"][name]["subject_error"]["mean"],
            accent=name.startswith("seal"),
        )
        for name, costs in systems.items()
    ]
    title = f"A subject drawn {'once' if count == 1 else f'{count} times'}"
    return scatter(title, "seconds per picture", "subject error, RGB levels", marks)


def _cost_cells(costs: SystemCosts | None) -> tuple[str, ...]:
    """The cells of `_COSTS`; empty for the ground truth."""
    if costs is None:
        return ("",) * len(_COSTS)
    once, picture, peak = costs["once"], costs["picture"], costs["peak_bytes"]
    return (
        _seconds(once["seconds"]),
        f"{once['rows']:g}",
        _seconds(picture["seconds"]),
        f"{picture['rows']:g}",
        human_size(costs["kept_bytes"]),
        "" if peak is None else human_size(peak),
    )


def _share(value: Interval) -> str:
    """A share and half the width of its interval, such as "75 ±25 %"."""
    low, high = value["ci95"]
    return f"{100 * value['mean']:.0f} ±{50 * (high - low):.0f} %"


def _seconds(value: float) -> str:
    return "0" if value == 0 else f"{value:.3f}" if value < 10 else f"{value:.1f}"


def _count(pictures: int | None) -> str:
    return "never" if pictures is None else str(pictures)


def _sentence(name: str, others: Mapping[str, int | None]) -> str:
    never = [other for other, count in others.items() if count is None]
    paying = [f"{other} from {count}" for other, count in others.items() if count is not None]
    ends = [
        *([f"as fast as {', '.join(paying)} pictures of a subject on"] if paying else []),
        *([f"never as fast as {', '.join(never)}"] if never else []),
    ]
    return f"{name}: {'; '.join(ends)}."


BREAK_EVEN = (
    "From how many pictures of a subject on the system at the top takes no more seconds than the one on the left, with what it does once "
    "for the subject. The systems at the top are those whose UNet works for a subject before its first picture."
)
_HOW = (
    "Means with half the width of their 95 % intervals; colour success is of the prompts that name another colour. A subject's costs "
    "come once, before its first picture, and a picture's with each. Rows are forwards of the UNet alone; one that is also run "
    "backwards counts once. Peak is the most memory beyond what was in use before. What is loaded, trained or made for all subjects of "
    "a class is not in the costs."
)
_PLOTS = (
    "Lower is nearer to the true picture, left is faster. Each picture has its share of what the subject costs once."
)
_AMORTISED = (
    "Medians over subjects. The last columns are seconds of each picture when a subject is drawn 1, 5, 20 or 100 times, its share of "
    "what the subject costs once among them."
)
