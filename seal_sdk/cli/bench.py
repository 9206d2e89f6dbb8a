"""Measuring the method: bench quality, ablations, ..., folder. Torch is imported only when one runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from seal_sdk.cli.bench_folder import folder
from seal_sdk.cli.options import Command, json_option
from seal_sdk.cli.output import print_json, print_table

FILE = click.Path(path_type=Path, dir_okay=False)


class SeedRange(click.ParamType):
    """START:STOP, or one seed."""

    name = "start:stop"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> range:
        if isinstance(value, range):
            return value
        match = re.fullmatch(r"(\d+)(?::(\d+))?", str(value))
        seeds = range(int(match[1]), int(match[2] or int(match[1]) + 1)) if match else range(0)
        return seeds if seeds else self.fail(f"{value!r} is no range of seeds such as 400000:400020", param, ctx)


def _writable(_context: click.Context, _parameter: click.Parameter, value: Path | None) -> Path | None:
    if value is not None and not value.absolute().parent.is_dir():
        raise click.BadParameter(f"the folder {value.absolute().parent} does not exist.")
    return value


def run_options(command: Command) -> Command:
    """What is asked, with what it is drawn, and where the results go."""
    options = (
        click.option(
            "--seeds",
            type=SeedRange(),
            default="400000:400020",
            show_default=True,
            help="400000:500000 are for choosing settings, 500000 and on for reporting.",
        ),
        click.option("--kinds", default="mesh,depth,pose", show_default=True, help="Structure kinds."),
        click.option(
            "--boxes",
            type=click.Choice(("sam", "true")),
            default="sam",
            show_default=True,
            help="Who says where the subjects are.",
        ),
        click.option(
            "--model", default="pocket", show_default=True, help="What the session opens: it must know the world."
        ),
        click.option("--subject", default="pocket", show_default=True, help="The session's subject finder."),
        click.option("--steps", type=click.IntRange(1), help="Sampling steps; default: the model's."),
        click.option("--guidance", type=float, help="Guidance scale; default: the model's."),
        click.option(
            "--scores",
            type=FILE,
            callback=_writable,
            help="Keep each picture's scores here, one JSON object a line, and its picture beside; "
            "what is there already is not drawn again.",
        ),
        click.option(
            "--report", "report_file", type=FILE, callback=_writable, help="Write an HTML page that opens offline."
        ),
        json_option,
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.group("bench")
def bench() -> None:
    """Measure the method against the true pictures of the embedded model's world, or by the paper's metrics (folder)."""


@bench.command("quality")
@click.option(
    "--methods",
    default="prompt,structure,seal",
    show_default=True,
    help="Some of prompt, structure, seal, exact, and the baselines ctrlx, cross-image, concat, style-aligned, drf; also "
    "variants such as seal:delta=1,top_k=4; separate variants by spaces.",
)
@click.option(
    "--conflicts", is_flag=True, help="Also ask for another colour than the reference's: as many pictures again."
)
@click.option("--sheet", type=FILE, callback=_writable, help="Write a contact sheet, PNG.")
@click.option(
    "--sheet-rows", type=click.IntRange(1), default=18, show_default=True, help="Triples on the contact sheet."
)
@run_options
def quality(
    seeds: range,
    methods: str,
    conflicts: bool,
    sheet: Path | None,
    sheet_rows: int,
    report_file: Path | None,
    as_json: bool,
    **setup: Any,
) -> None:
    """Score methods: a table of means with 95 % intervals, or JSON; a report and a contact sheet where asked."""
    from seal_sdk.evaluation.methods import parse_methods
    from seal_sdk.evaluation.quality import measure_quality
    from seal_sdk.evaluation.report import report
    from seal_sdk.evaluation.sheet import contact_sheet
    from seal_sdk.evaluation.summary import table

    chosen = parse_methods(methods)  # what is wrong with the call is told before a model is loaded
    results = measure_quality(seeds, chosen, conflict_methods=chosen if conflicts else (), **_setup(setup))
    summary = results.summary()
    if sheet:
        contact_sheet(results.triples[:sheet_rows], results.scores).save(sheet, "PNG")
    if report_file:
        asked = {"seeds": f"{seeds.start}:{seeds.stop}", "methods": methods, **setup}
        report_file.write_text(report(results, asked, sheet_rows=sheet_rows), encoding="utf-8")
    if as_json:
        print_json(summary)
        return
    click.echo(table(summary))
    if "conflicts" in summary:
        click.echo("\nprompts that name another colour\n" + table(summary["conflicts"]))


@bench.command("ablations")
@click.option(
    "--base", default="seal", show_default=True, help="What the settings are changed of, such as seal:delta=3,top_k=1."
)
@click.option(
    "--only",
    help="Some of anchor_align, top_k, tau, delta, delta_bridge, schedule, layers, rows, split at commas; default: all.",
)
@run_options
def ablations(seeds: range, base: str, only: str | None, report_file: Path | None, as_json: bool, **setup: Any) -> None:
    """Change one setting at a time, as the paper's ablations do, and say which of its claims hold here."""
    from seal_sdk.evaluation.ablation_report import ablation_report, claims
    from seal_sdk.evaluation.ablations import COLOR, choose, methods, summarize_ablations
    from seal_sdk.evaluation.quality import measure_quality

    names = choose(only)
    plain, color = (methods(base, names, question) for question in ("plain", COLOR))
    results = measure_quality(seeds, plain, conflict_methods=color, **_setup(setup))
    summary = summarize_ablations(results, base, names)
    if report_file:
        asked = {"seeds": f"{seeds.start}:{seeds.stop}", "base": base, **setup}
        report_file.write_text(ablation_report(summary, asked), encoding="utf-8")
    if as_json:
        print_json({"ablations": summary})
        return
    for ablation in summary.values():
        click.echo(f"{ablation['title']}: {', '.join(ablation['variants'])}")
    print_table(*claims(summary))


@bench.command("pairs")
@click.option("--seeds", type=SeedRange(), default="400000:400020", show_default=True, help="As of bench quality.")
@click.option("--kind", default="mesh", show_default=True, help="Structure kind.")
@click.option("--model", default="pocket", show_default=True, help="What the session opens: it must know the world.")
@json_option
def pairs(seeds: range, kind: str, model: str, as_json: bool) -> None:
    """Two identities of one species in one picture, each in its region, against each drawn alone."""
    from seal_sdk.evaluation.pairs import measure_pairs
    from seal_sdk.evaluation.summary import cell

    summary = measure_pairs(seeds, kind=kind, model=model)
    if as_json:
        print_json(summary)
        return
    lines = [(name, cell(value)) for name, value in summary["subject_error"].items()]
    print_table(
        ("subject error", f"{summary['seeds']} seeds"),
        [*lines, ("together / alone", cell(summary["together_over_alone"]))],
    )


@bench.command("references")
@click.option("--seeds", type=SeedRange(), default="400000:400020", show_default=True, help="As of bench quality.")
@click.option("--kind", default="mesh", show_default=True, help="Structure kind.")
@click.option("--model", default="pocket", show_default=True, help="What the session opens: it must know the world.")
@json_option
def references(seeds: range, kind: str, model: str, as_json: bool) -> None:
    """One subject known from one, two and three photos."""
    from seal_sdk.evaluation.references import measure_references
    from seal_sdk.evaluation.summary import cell

    summary = measure_references(seeds, kind=kind, model=model)
    if as_json:
        print_json(summary)
        return
    errors = summary["subject_error"]
    print_table(
        (f"photos, {summary['seeds']} seeds", "subject error", "part colour", "subject error / of one photo"),
        [
            (count, cell(errors[count]), cell(summary["part_color_error"][count]), cell(summary["ratios"].get(count)))
            for count in errors
        ],
    )


def _setup(options: dict[str, Any]) -> dict[str, Any]:
    """The options as arguments of measure_quality."""
    from seal_sdk.evaluation.quality import Setup

    kinds = tuple(filter(None, options["kinds"].split(",")))
    setup = Setup(**{name: options[name] for name in ("boxes", "model", "subject", "steps", "guidance")})
    return {"kinds": kinds, "setup": setup, "scores": options["scores"]}


bench.add_command(folder)
COMMANDS = (bench,)
