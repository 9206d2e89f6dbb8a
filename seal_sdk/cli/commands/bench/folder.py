"""``seal bench folder``: the paper's metrics on real images."""

from __future__ import annotations

from pathlib import Path

import click

from seal_sdk.cli.options import json_option
from seal_sdk.cli.output import print_json, print_table

FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command("folder")
@click.argument("folders", nargs=-1, required=True, type=FOLDER, metavar="FOLDER...")
@click.option("--model", default="stabilityai/stable-diffusion-xl-base-1.0", show_default=True, help="As of generate.")
@click.option(
    "--methods",
    default="prompt,structure,seal",
    show_default=True,
    help="As of bench quality, without exact; also controlnet+ip-adapter, which needs --weights controlnet= and ip-adapter=.",
)
@click.option(
    "--metrics",
    default="clip,dino,dreamsim",
    show_default=True,
    help="The columns of the paper's table; also hps, image-reward.",
)
@click.option(
    "--weights",
    multiple=True,
    metavar="NAME=PATH",
    help="Where a metric's weights are: a file, a folder or a hub id; also controlnet=, ip-adapter=. May be repeated.",
)
@click.option(
    "--subject", default="sam", show_default=True, help="The session's subject finder, where a mask is missing."
)
@click.option("--steps", type=click.IntRange(1), help="Sampling steps; default: the model's.")
@click.option("--guidance", type=float, help="Guidance scale; default: the model's.")
@click.option(
    "--adapter-scale",
    type=click.FloatRange(0, 1),
    default=0.6,
    show_default=True,
    help="How much the reference counts for controlnet+ip-adapter.",
)
@click.option(
    "--output",
    required=True,
    type=FOLDER,
    help="Folder of pictures, sheets and results.json; pictures that are there already are not drawn again.",
)
@json_option
def command(
    folders: tuple[Path, ...],
    model: str,
    methods: str,
    metrics: str,
    weights: tuple[str, ...],
    subject: str,
    steps: int | None,
    guidance: float | None,
    adapter_scale: float,
    output: Path,
    as_json: bool,
) -> None:
    """Draw the cases of datasets, each a FOLDER with a dataset.yaml, and print the paper's table of them."""
    from seal_sdk.evaluation.paper import (
        WEIGHTS,
        Setup,
        measure_folders,
        parse_metrics,
        parse_paper_methods,
        parse_weights,
        table_lines,
    )

    summary = measure_folders(
        folders,
        parse_paper_methods(methods),
        parse_metrics(metrics),
        output=output,
        setup=Setup(model, subject, steps, guidance, adapter_scale),
        weights=parse_weights(weights, WEIGHTS),
    )
    if as_json:
        print_json(summary)
        return
    head, lines = table_lines(summary)
    print_table(head, lines, right=("cases",))
