"""``seal bench ablations``: the paper's ablations and whether its claims hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from seal_sdk.cli.commands.bench.options import run_options, run_settings
from seal_sdk.cli.output import print_json, print_table


@click.command("ablations")
@click.option(
    "--base", default="seal", show_default=True, help="What the settings are changed of, such as seal:preset=paper."
)
@click.option(
    "--only",
    help="Some of anchor_align, top_k, tau, delta, delta_bridge, schedule, layers, rows, split at commas; default: all.",
)
@run_options
def command(seeds: range, base: str, only: str | None, report_file: Path | None, as_json: bool, **options: Any) -> None:
    """Change one setting at a time, as the paper's ablations do, and say which of its claims hold here."""
    from seal_sdk.evaluation import measure_quality
    from seal_sdk.evaluation.questions.triples import COLOR, PLAIN
    from seal_sdk.evaluation.reports.ablations import ablation_report, claims
    from seal_sdk.evaluation.tasks.ablations import choose, methods, summarize_ablations

    names = choose(only)
    plain, color = (methods(base, names, question) for question in (PLAIN, COLOR))
    results = measure_quality(seeds, plain, conflict_methods=color, **run_settings(options))
    summary = summarize_ablations(results, base, names)
    if report_file:
        settings = {"seeds": f"{seeds.start}:{seeds.stop}", "base": base, **options}
        report_file.write_text(ablation_report(summary, settings), encoding="utf-8")
    if as_json:
        print_json({"ablations": summary})
        return
    for ablation in summary.values():
        click.echo(f"{ablation['title']}: {', '.join(ablation['variants'])}")
    print_table(*claims(summary))
