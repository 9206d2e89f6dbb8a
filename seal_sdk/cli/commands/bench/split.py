"""``seal bench split``: where the subject error comes from."""

from __future__ import annotations

from pathlib import Path

import click

from seal_sdk.cli.commands.bench.options import FILE, SeedRange, writable
from seal_sdk.cli.options import json_option
from seal_sdk.cli.output import print_json, print_table


@click.command("split")
@click.option("--seeds", type=SeedRange(), default="400000:400020", show_default=True, help="As of bench quality.")
@click.option("--kinds", default="mesh,depth,pose", show_default=True, help="Structure kinds.")
@click.option("--methods", default="seal", show_default=True, help="As of bench quality; all with AnchorAlign.")
@click.option("--model", default="pocket", show_default=True, help="What the session opens: it must know the world.")
@click.option("--subject", default="pocket", show_default=True, help="The session's subject finder.")
@click.option("--report", "report_file", type=FILE, callback=writable, help="Write an HTML page that opens offline.")
@json_option
def command(
    seeds: range, kinds: str, methods: str, model: str, subject: str, report_file: Path | None, as_json: bool
) -> None:
    """Split the subject error into parts that add up to it, beside what a perfect match would leave."""
    from seal_sdk.evaluation import parse_methods
    from seal_sdk.evaluation.reports.error_split import split_report, split_table
    from seal_sdk.evaluation.tasks.error_split import measure_split, summarize_split

    chosen, named = parse_methods(methods), tuple(filter(None, kinds.split(",")))
    pictures = measure_split(seeds, chosen, kinds=named, model=model, subject=subject)
    summary = summarize_split(pictures)
    if report_file:
        settings = {
            "seeds": f"{seeds.start}:{seeds.stop}",
            "kinds": kinds,
            "methods": methods,
            "model": model,
            "subject": subject,
        }
        report_file.write_text(split_report(summary, pictures, settings), encoding="utf-8")
    if as_json:
        print_json(summary)
        return
    print_table(*split_table(summary))
