"""``seal ls``: list the identities."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime

import click

from seal_sdk.byte_sizes import human_size
from seal_sdk.cli.filters import EXPECTED, Filter, parse_filters
from seal_sdk.cli.options import json_option, open_store, quiet_option, store_option
from seal_sdk.cli.output import print_json, print_table
from store import IdentityInfo

SORTS: dict[str, Callable[[IdentityInfo], tuple[float, str]]] = {
    "name": lambda info: (info.name is None, info.name or ""),
    "size": lambda info: (-info.nbytes, ""),
    "created": lambda info: (-(info.created or 0), ""),
}


@click.command("ls")
@store_option
@json_option
@quiet_option
@click.option("--sort", type=click.Choice(list(SORTS)), default="name", show_default=True)
@click.option("--limit", type=click.IntRange(1), help="At most this many.")
@click.option(
    "--filter", "filters", multiple=True, callback=parse_filters, metavar="TEXT", help=f"{EXPECTED}; may be repeated."
)
def command(root: str | None, as_json: bool, quiet: bool, sort: str, limit: int | None, filters: list[Filter]) -> None:
    """List the identities."""
    matching = [info for info in open_store(root).identities() if all(meets(info) for meets in filters)]
    found = sorted(matching, key=SORTS[sort])[:limit]
    if as_json:
        print_json([asdict(info) for info in found])
    elif quiet:
        for info in found:
            click.echo(info.name or info.digest)
    elif not found and filters:
        click.echo("No identity meets that.", err=True)
    elif not found:
        click.echo("No identities yet. Register one: seal register IMAGE --name NAME --prompt PROMPT", err=True)
    else:
        print_table(
            ("NAME", "DIGEST", "SIZE", "TIMESTEPS", "CREATED", "PROMPT"),
            [_line(info) for info in found],
            right=("SIZE", "TIMESTEPS"),
        )


def _line(info: IdentityInfo) -> tuple[object, ...]:
    return (
        (info.name or "-") + (" (pinned)" if info.pinned else ""),
        (info.digest or "-")[:12],
        human_size(info.nbytes),
        len(info.timesteps),
        _when(info.created),
        f"DAMAGED: {info.problem}" if info.problem else info.prompt or "",
    )


def _when(created: float | None) -> str:
    return datetime.fromtimestamp(created).strftime("%Y-%m-%d %H:%M") if created else "-"
