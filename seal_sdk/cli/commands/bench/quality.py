"""``seal bench quality``: methods against the ground truth of the embedded model's world."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from seal_sdk.cli.commands.bench.options import FILE, run_options, run_settings, writable
from seal_sdk.cli.output import print_json

WORDINGS = ("short", "plain-reference", "decorated", "paraphrased", "long")
"""`seal_sdk.evaluation.questions.wordings.WORDINGS`; named here so that the help loads no torch."""


class MethodsOption(click.Option):
    """``--methods``. Its help lists all methods, baselines included; torch is loaded only to show it."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """The option and its help, as click shows them."""
        from seal_sdk.evaluation import METHODS

        self.help = (
            f"Some of {', '.join(METHODS)}; also variants such as seal:delta=1,top_k=4; separate variants by spaces."
        )
        return super().get_help_record(ctx)


@click.command("quality")
@click.option("--methods", cls=MethodsOption, default="prompt,structure,seal", show_default=True)
@click.option(
    "--conflicts", is_flag=True, help="Also ask for another colour than the reference's: as many pictures again."
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
    wordings: tuple[str, ...],
    sheet: Path | None,
    sheet_rows: int,
    report_file: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Score methods: a table of means with 95 % intervals, or JSON; a report and a contact sheet where asked."""
    from seal_sdk.evaluation import contact_sheet, measure_wordings, parse_methods, report, table

    chosen = parse_methods(methods)  # mistakes are reported before a model is loaded
    names = tuple(dict.fromkeys(wordings)) or WORDINGS[:1]
    measured = measure_wordings(
        seeds, chosen, names, conflict_methods=chosen if conflicts else (), **run_settings(options)
    )
    results = measured[names[0]]
    summary = results.summary()
    by_wording = {name: each.summary() for name, each in measured.items()}
    if sheet:
        contact_sheet(results.triples[:sheet_rows], results.scores).save(sheet, "PNG")
    if report_file:
        settings = {"seeds": f"{seeds.start}:{seeds.stop}", "methods": methods, **options}
        report_file.write_text(report(results, settings, sheet_rows=sheet_rows), encoding="utf-8")
    if as_json:
        print_json({**summary, "wordings": by_wording} if wordings else summary)
        return
    for name, each in by_wording.items():
        if wordings:
            click.echo(f"\nwording: {name}")
        click.echo(table(each))
        if "conflicts" in each:
            click.echo("\nprompts that name another colour\n" + table(each["conflicts"]))
