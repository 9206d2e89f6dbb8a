"""``seal bench quality``: methods against the ground truth of the embedded model's world."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seal_sdk.cli.commands.bench.options import FILE, run_options, run_settings, writable
from seal_sdk.cli.output import print_json, print_table

if TYPE_CHECKING:
    from seal_sdk.evaluation.statistics import Summary

WORDINGS = ("short", "plain-reference", "decorated", "paraphrased", "long")
"""`seal_sdk.evaluation.questions.wordings.WORDINGS`; named here so that the help loads no torch."""
CONFLICTS = ("color", "pattern", "part", "two", "agree", "removal")
"""`seal_sdk.evaluation.questions.conflicts.CONFLICTS`, likewise."""


class MethodsOption(click.Option):
    """``--methods``. Its help lists all methods, baselines included; torch is loaded only to show it."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """The option and its help, as click shows them."""
        from seal_sdk.evaluation import METHODS

        self.help = (
            f"Some of {', '.join(METHODS)}; also variants such as seal:delta=1,top_k=4 or "
            "seal:guidance_interval=0.2-0.8; separate variants by spaces."
        )
        return super().get_help_record(ctx)


@click.command("quality")
@click.option("--methods", cls=MethodsOption, default="prompt,structure,seal", show_default=True)
@click.option("--conflicts", is_flag=True, help="Short for --conflict color.")
@click.option(
    "--conflict",
    "kinds_of_conflict",
    type=click.Choice(CONFLICTS),
    multiple=True,
    help="Also ask for another colour, pattern, top or both than the reference's, its own colour, or no pattern: as many "
    "pictures again; repeatable.",
)
@click.option(
    "--wording",
    "wordings",
    type=click.Choice(WORDINGS),
    multiple=True,
    help="How the prompts are worded; repeatable. Default: short.",
)
@click.option("--sheet", type=FILE, callback=writable, help="Write a contact sheet, PNG.")
@click.option(
    "--sheet-rows", type=click.IntRange(1), default=18, show_default=True, help="Triples on the contact sheet."
)
@run_options
def command(
    seeds: range,
    methods: str,
    conflicts: bool,
    kinds_of_conflict: tuple[str, ...],
    wordings: tuple[str, ...],
    sheet: Path | None,
    sheet_rows: int,
    report_file: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Score methods: a table of means with 95 % intervals, or JSON; a report and a contact sheet where asked."""
    from seal_sdk.evaluation import contact_sheet, measure_wordings, parse_methods, report

    chosen = parse_methods(methods)  # mistakes are reported before a model is loaded
    names = tuple(dict.fromkeys(wordings)) or WORDINGS[:1]
    asked = tuple(dict.fromkeys((*(("color",) if conflicts else ()), *kinds_of_conflict)))
    measured = measure_wordings(
        seeds, chosen, names, conflict_methods=chosen if asked else (), conflicts=asked, **run_settings(options)
    )
    by_wording = {name: each.summary() for name, each in measured.items()}
    if sheet:
        plain = measured[names[0]].plain
        contact_sheet(plain.triples[:sheet_rows], plain.scores).save(sheet, "PNG")
    if report_file:
        shown = {"methods": methods, "conflicts": ", ".join(asked), "wordings": ", ".join(names)}
        settings = {"seeds": f"{seeds.start}:{seeds.stop}", **shown, **options}
        report_file.write_text(report(measured, settings, sheet_rows=sheet_rows), encoding="utf-8")
    if as_json:
        summary = by_wording[names[0]]
        print_json({**summary, "wordings": by_wording} if wordings else summary)
        return
    print_quality(by_wording)


def print_quality(by_wording: Mapping[str, Summary]) -> None:
    """Print a table for each wording and kind of question, and how often each method does what was asked."""
    from seal_sdk.evaluation import table
    from seal_sdk.evaluation.metrics.measures import FOLLOWED
    from seal_sdk.evaluation.reports.successes import TITLES, successes

    asked: Collection[str] = next(iter(by_wording.values())).get("conflict_kinds", {})
    for name, summary in by_wording.items():
        if len(by_wording) > 1:
            click.echo(f"\nwording: {name}")
        click.echo(table(summary))
        for kind, part in summary.get("conflict_kinds", {}).items():
            click.echo(f"\nprompts that ask for {TITLES[kind]} ({kind})\n{table(part)}")
    if asked or len(by_wording) > 1:
        click.echo("\nhow often each does what was asked, and nothing else")
        print_table(*successes(by_wording))
    if set(asked) & set(FOLLOWED):
        click.echo("\nhow often each shows what the prompt says")
        print_table(*successes(by_wording, FOLLOWED))
