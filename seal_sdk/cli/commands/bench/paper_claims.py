"""``seal bench paper-claims``: each sentence of the paper's findings, and whether it holds here."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seal_sdk.cli.commands.bench.options import kinds_of, run_options, run_settings
from seal_sdk.cli.output import print_json, print_table, text_width

if TYPE_CHECKING:
    from seal_sdk.evaluation.cost.speed import SpeedSummary
    from seal_sdk.evaluation.cost.workplace import CostSetup

NAMES = (
    "modules",
    "anchor_align",
    "top_k",
    "tau",
    "delta",
    "delta_bridge",
    "schedule",
    "layers",
    "baselines",
    "cost",
)
"""`seal_sdk.evaluation.claims.sentences.SENTENCES`; named here so that the help loads no torch."""
BASES = ("seal", "seal:preset=paper")


@click.command("paper-claims")
@click.option(
    "--base",
    "bases",
    multiple=True,
    default=BASES,
    show_default=True,
    help="What the settings are changed of; repeatable, side by side.",
)
@click.option("--only", help=f"Some of {', '.join(NAMES)}, split at commas; default: all.")
@click.option("--full-size", is_flag=True, help="Cost: with SDXL's UNet at its own size, random weights.")
@click.option(
    "--repeats", type=click.IntRange(1), default=5, show_default=True, help="Cost: how often all is measured."
)
@partial(run_options, kinds=kinds_of("mesh"))
def command(
    seeds: range,
    bases: tuple[str, ...],
    only: str | None,
    report_file: Path | None,
    as_json: bool,
    full_size: bool,
    repeats: int,
    **options: Any,
) -> None:
    """Replay each sentence of the paper's findings, and print its verdict here with the figures behind it."""
    from seal_sdk.evaluation import measure_quality
    from seal_sdk.evaluation.claims.sentences import COST
    from seal_sdk.evaluation.questions.triples import COLOR, PLAIN
    from seal_sdk.evaluation.reports.paper_claims import claims_report, claims_text, verdict_table
    from seal_sdk.evaluation.tasks.paper_claims import check_bases, choose_sentences, methods_of, summarize_claims

    names, chosen = choose_sentences(only), check_bases(bases)  # mistakes are reported before a model is loaded
    cost = _cost_setup(options, full_size, repeats) if COST in names else None
    methods, results = methods_of(chosen, names), None
    if any(methods.values()):
        settings = run_settings(options)
        pictures = len(seeds) * len(settings["kinds"]) * sum(map(len, methods.values()))
        click.echo(f"{pictures} pictures; on one core each takes 1 to 2 seconds, with DRF some 8.", err=True)
        results = measure_quality(seeds, methods[PLAIN], conflict_methods=methods[COLOR], **settings)
    summary = summarize_claims(results, _measure_cost(cost) if cost else None, chosen, names)
    if report_file:
        given = {"seeds": f"{seeds.start}:{seeds.stop}", "base": ", ".join(chosen), **options}
        report_file.write_text(claims_report(summary, given), encoding="utf-8")
    if as_json:
        print_json(summary)
        return
    click.echo(claims_text(summary, text_width()))
    print_table(*verdict_table(summary))


def _cost_setup(options: dict[str, Any], full_size: bool, repeats: int) -> CostSetup:
    from seal_sdk.evaluation.cost.workplace import FULL_SIZE, CostSetup

    given = {name: options[name] for name in ("steps", "guidance") if options[name] is not None}
    model = FULL_SIZE if full_size else options["model"]
    return CostSetup(model, options["subject"], options["size"], repeats=repeats, **given)


def _measure_cost(setup: CostSetup) -> SpeedSummary:
    from seal_sdk.evaluation.claims.cost import SYSTEMS
    from seal_sdk.evaluation.cost.speed import measure_speed

    return measure_speed(setup, SYSTEMS, release=True)
