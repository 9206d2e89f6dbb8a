"""``seal demo``: draw two subjects of the embedded model. Torch is imported only when it runs."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seal_sdk.byte_sizes import human_size
from seal_sdk.cli.options import json_option, store_option
from seal_sdk.cli.output import print_json, print_table
from seal_sdk.cli.parsing import parse_images_per_forward
from seal_sdk.locations import store_location

if TYPE_CHECKING:
    from seal_sdk.demo import DemoReport, SubjectReport


@click.command("demo")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("seal-demo"),
    show_default=True,
    help="Folder to write.",
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@click.option("--steps", type=click.IntRange(1), help="Denoising steps.")
@click.option(
    "--images-per-forward",
    default="exact",
    show_default=True,
    callback=parse_images_per_forward,
    metavar="N|exact|auto",
    help="How many of a subject's images the model computes at once.",
)
@store_option
@json_option
def command(
    out: Path, seed: int, steps: int | None, images_per_forward: str | int, root: str | None, as_json: bool
) -> None:
    """Draw two subjects in four poses each, on a contact sheet.

    Both are of the embedded model's world and are registered in the store, as `seal register` does.
    """
    from seal_sdk.demo import run_demo

    report = run_demo(
        out,
        store_location(root),
        seed=seed,
        steps=steps,
        images_per_forward=images_per_forward,
        tell=lambda line: click.echo(line, err=True),
    )
    if as_json:
        print_json(asdict(report))
    else:
        _print(report)


def _print(report: DemoReport) -> None:
    names = [subject.name for subject in report.subjects]
    columns = [_facts(subject) for subject in report.subjects]
    click.echo()
    print_table(("", *names), [(row, *(facts[row] for facts in columns)) for row in columns[0]], right=names)
    click.echo(f"\nLook at {report.sheet} ({report.seconds:.0f} s in all).")
    if not all(subject.hit for subject in report.subjects):
        click.echo("A second run finds both identities in the store.")


def _facts(subject: SubjectReport) -> dict[str, str]:
    """A subject's column of the table: label -> value."""
    phases = {f"  {phase.replace('_', ' ')}": _seconds(taken) for phase, taken in subject.timings.items()}
    return {
        "register": "store hit" if subject.hit else "computed",
        "  time": _seconds(subject.register_seconds),
        "  timesteps in the store": str(subject.timesteps),
        "  K/V in the store": human_size(subject.nbytes),
        f"draw {subject.images} from text alone": _seconds(subject.plain_seconds),
        f"draw {subject.images} with identity": _seconds(subject.identity_seconds),
        **phases,
        "  tokens infused": f"{subject.coverage:.0%}",
        "  UNet rows": str(subject.unet_rows),
    }


def _seconds(taken: float) -> str:
    return f"{taken:.2f} s"
