"""Looking at a store and at images: ls, info, du, path, show."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import click

from seal_sdk.cli.filters import EXPECTED, Filter, parse_filters
from seal_sdk.cli.options import json_option, open_store, quiet_option, store_option
from seal_sdk.cli.output import human_size, print_json, print_table
from seal_sdk.defaults import store_folder, store_location
from store import IdentityInfo

SORTS = {
    "name": lambda info: (info.name is None, info.name or ""),
    "size": lambda info: -info.nbytes,
    "created": lambda info: -(info.created or 0),
}


def _when(created: float | None) -> str:
    return datetime.fromtimestamp(created).strftime("%Y-%m-%d %H:%M") if created else "-"


@click.command("ls")
@store_option
@json_option
@quiet_option
@click.option("--sort", type=click.Choice(list(SORTS)), default="name", show_default=True)
@click.option("--limit", type=click.IntRange(1), help="At most this many.")
@click.option(
    "--filter", "filters", multiple=True, callback=parse_filters, metavar="TEXT", help=f"{EXPECTED}; may be repeated."
)
def list_identities(
    root: str | None, as_json: bool, quiet: bool, sort: str, limit: int | None, filters: list[Filter]
) -> None:
    """List the identities."""
    kept = [info for info in open_store(root).identities() if all(meets(info) for meets in filters)]
    found: list[IdentityInfo] = sorted(kept, key=SORTS[sort])[:limit]
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


@click.command("info")
@click.argument("name")
@store_option
@json_option
def show_identity(name: str, root: str | None, as_json: bool) -> None:
    """What is known of one identity.

    NAME may also be a digest, or its first 8 digits.
    """
    stored = open_store(root).resolve(name)
    tiers = Counter(map(stored.source, range(len(stored.timesteps))))
    facts = {
        "name": stored.name,
        "digest": stored.digest,
        "prompt": stored.attributes.get("prompt"),
        "size": stored.recipe.get("size"),
        "box": stored.attributes.get("box"),
        "timesteps": list(stored.timesteps),
        "bytes": stored.nbytes,
        "tiers": dict(tiers),
        "model": stored.attributes.get("model"),
        "provenance": stored.attributes.get("provenance"),
    }
    arrays = {spec.name: {"shape": list(spec.shape), "dtype": spec.logical_dtype} for spec in stored.arrays}
    if as_json:
        print_json({**facts, "arrays": arrays, "recipe": stored.recipe})
        return
    held = ", ".join(f"{count} of {len(stored.timesteps)} timesteps on {tier}" for tier, count in tiers.items())
    print_settings({**facts, "bytes": human_size(stored.nbytes), "tiers": held.replace("on remote", "remote")})
    for name, array in arrays.items():
        click.echo(f"{'array ' + name:22} {tuple(array['shape'])} {array['dtype']}")


@click.command("du")
@store_option
@json_option
def disk_usage(root: str | None, as_json: bool) -> None:
    """Bytes that identities use, share, and that gc could free."""
    usage = open_store(root).usage()
    if as_json:
        print_json(asdict(usage))
        return
    print_table(
        ("IDENTITY", "UNIQUE", "SHARED"),
        [
            (", ".join(each.names) or each.digest[:12], human_size(each.unique), human_size(each.shared))
            for each in usage.identities
        ],
        right=("UNIQUE", "SHARED"),
    )
    click.echo(
        f"In all: unique {human_size(usage.unique)}, shared {human_size(usage.shared)}, "
        f"reclaimable {human_size(usage.reclaimable)}, quarantined {human_size(usage.quarantined)}."
    )


@click.command("path")
@store_option
@json_option
def show_path(root: str | None, as_json: bool) -> None:
    """Print the store's folder, or its URL."""
    location = store_location(root)
    if as_json:
        print_json({"path": location, "exists": store_folder(root).is_dir()})
    else:
        click.echo(location)


@click.command("show")
@click.argument("image", type=click.Path(path_type=Path))
@json_option
def show_settings(image: Path, as_json: bool) -> None:
    """The settings with which a PNG was drawn."""
    from seal_sdk.metadata import read_settings  # Pillow is not for the others to load

    settings = read_settings(image)
    if as_json:
        print_json(settings)
    else:
        print_settings(settings)


def print_settings(settings: dict[str, object]) -> None:
    """One setting a line, those of a group indented."""
    for key, value in settings.items():
        if isinstance(value, dict):
            click.echo(f"{key}:")
            for inner, setting in value.items():
                click.echo(f"  {inner:20} {'-' if setting is None else setting}")
        else:
            click.echo(f"{key:22} {'-' if value is None else value}")


COMMANDS = (list_identities, show_identity, disk_usage, show_path, show_settings)
