"""``python -m seal_sdk.evaluation``: the exact benchmark on the embedded model's world."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from tqdm import tqdm

from seal_sdk.errors import SealError
from seal_sdk.evaluation.bench import BOXES, Score, run
from seal_sdk.evaluation.methods import METHODS, parse_methods
from seal_sdk.evaluation.sheet import contact_sheet
from seal_sdk.evaluation.summary import summarize, table
from seal_sdk.evaluation.triples import Triple, triples
from seal_sdk.session import IdentitySession


class SeedRange(click.ParamType):
    """START:STOP, or one seed."""

    name = "start:stop"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> range:
        if isinstance(value, range):
            return value
        match = re.fullmatch(r"(\d+)(?::(\d+))?", str(value))
        seeds = range(int(match[1]), int(match[2] or int(match[1]) + 1)) if match else range(0)
        return seeds if seeds else self.fail(f"{value!r} is no range of seeds such as 400000:400020", param, ctx)


@click.command()
@click.option(
    "--seeds",
    type=SeedRange(),
    default="400000:400020",
    show_default=True,
    help="400000:500000 are for choosing settings, 500000 and on for reporting.",
)
@click.option("--kinds", default="mesh,depth,pose", show_default=True, help="Structure kinds.")
@click.option(
    "--methods",
    default="prompt,structure,seal",
    show_default=True,
    help=f"Some of {', '.join(METHODS)}, and variants such as seal:delta=1,top_k=4; separate variants by spaces.",
)
@click.option(
    "--boxes", type=click.Choice(BOXES), default="sam", show_default=True, help="Who says where the subjects are."
)
@click.option("--model", default="pocket", show_default=True, help="What the session opens: it must know the world.")
@click.option("--subject", default="pocket", show_default=True, help="The session's subject finder.")
@click.option("--steps", type=click.IntRange(1), help="Sampling steps; default: the model's.")
@click.option("--guidance", type=float, help="Guidance scale; default: the model's.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary to stdout as JSON.")
@click.option("--sheet", type=click.Path(path_type=Path, dir_okay=False), help="Write a contact sheet, PNG.")
@click.option("--sheet-rows", default=18, show_default=True, help="Triples on the contact sheet.")
@click.option(
    "--scores",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write each picture's scores as it is drawn, one JSON object a line.",
)
def main(
    seeds: range,
    kinds: str,
    methods: str,
    boxes: str,
    model: str,
    subject: str,
    steps: int | None,
    guidance: float | None,
    as_json: bool,
    sheet: Path | None,
    sheet_rows: int,
    scores: Path | None,
) -> None:
    """Score methods against the true pictures of the embedded model's world: a table on stderr, JSON on stdout."""
    try:
        chosen = parse_methods(methods)
        asked = list(triples(seeds, tuple(filter(None, kinds.split(",")))))
        sampling = {"num_inference_steps": steps, "guidance_scale": guidance}
        with (
            open(scores or os.devnull, "w") as rows,
            _session(model, subject) as session,
            tqdm(total=len(asked) * len(chosen), unit="picture") as bar,
        ):

            def on_score(triple: Triple, score: Score) -> None:
                print(json.dumps(_row(score)), file=rows, flush=True)
                bar.update()

            results = run(session, asked, chosen, boxes=boxes, sampling=sampling, on_score=on_score)
    except (SealError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    summary = summarize(results)
    click.echo(table(summary), err=True)
    if sheet:
        contact_sheet(asked[:sheet_rows], results).save(sheet)
    if as_json:
        click.echo(json.dumps(summary, indent=1))


@contextmanager
def _session(model: str, subject: str) -> Iterator[IdentitySession]:
    """A session whose identities are gone afterwards."""
    with (
        tempfile.TemporaryDirectory(prefix="seal-evaluation-") as store,
        IdentitySession(model, store=store, subject=subject, enable_progress_bar=False) as session,
    ):
        yield session


def _row(score: Score) -> dict[str, object]:
    return {"seed": score.seed, "kind": score.kind, "method": score.method, "told": score.told, **score.values}


if __name__ == "__main__":
    main()
