"""Looking at a store: ls, info, du, path, show."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import click

from seal_sdk.cli.options import (
    human_size,
    json_option,
    open_store,
    print_json,
    print_table,
    quiet_option,
    store_option,
)
from seal_sdk.defaults import store_root
from seal_sdk.metadata import read_settings
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
def list_identities(root: Path | None, as_json: bool, quiet: bool, sort: str, limit: int | None) -> None:
    """List the identities."""
    found: list[IdentityInfo] = sorted(open_store(root).identities(), key=SORTS[sort])[:limit]
    if as_json:
        print_json([asdict(info) for info in found])
    elif quiet:
        for info in found:
            click.echo(info.name or info.digest)
    elif not found:
        click.echo("No identities yet. Register one: seal register IMAGE --name NAME --prompt PROMPT", err=True)
    else:
        print_table(
            ("NAME", "DIGEST", "SIZE", "TIMESTEPS", "CREATED", "PROMPT"),
            [
                (
                    (info.name or "-") + (" (pinned)" if info.pinned else ""),
                    (info.digest or "-")[:12],
                    human_size(info.nbytes),
                    len(info.timesteps),
                    _when(info.created),
                    f"DAMAGED: {info.problem}" if info.problem else info.prompt or "",
                )
                for info in found
            ],
        )


@click.command("info")
@click.argument("name")
@store_option
@json_option
def show_identity(name: str, root: Path | None, as_json: bool) -> None:
    """Everything that is known of one identity (a name, or a digest's first 8 digits)."""
    stored = open_store(root).resolve(name)
    facts = {
        "name": stored.name,
        "digest": stored.digest,
        "prompt": stored.attributes.get("prompt"),
        "size": stored.recipe.get("size"),
        "box": stored.attributes.get("box"),
        "timesteps": list(stored.timesteps),
        "bytes": stored.nbytes,
        "arrays": {spec.name: {"shape": list(spec.shape), "dtype": spec.logical_dtype} for spec in stored.arrays},
        "model": stored.attributes.get("model"),
        "provenance": stored.attributes.get("provenance"),
        "recipe": stored.recipe,
    }
    if as_json:
        print_json(facts)
        return
    for key, value in facts.items():
        if key == "arrays":
            for array, described in facts["arrays"].items():
                click.echo(f"{'array ' + array:12} {tuple(described['shape'])} {described['dtype']}")
        elif key == "bytes":
            click.echo(f"{'K/V':12} {human_size(stored.nbytes)}")
        elif key != "recipe":
            click.echo(f"{key:12} {value}")


@click.command("du")
@store_option
@json_option
def disk_usage(root: Path | None, as_json: bool) -> None:
    """Bytes that identities have to themselves, share, and that gc could free."""
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
    )
    click.echo(
        f"unique {human_size(usage.unique)}, shared {human_size(usage.shared)}, "
        f"reclaimable {human_size(usage.reclaimable)}, quarantined {human_size(usage.quarantined)}"
    )


@click.command("path")
@store_option
def show_path(root: Path | None) -> None:
    """Print the store's folder."""
    click.echo(store_root(root))


@click.command("show")
@click.argument("image", type=click.Path(path_type=Path))
@json_option
def show_settings(image: Path, as_json: bool) -> None:
    """The settings with which a PNG was drawn."""
    settings = read_settings(image)
    if as_json:
        print_json(settings)
        return
    for key, value in settings.items():
        if isinstance(value, dict):
            click.echo(f"{key}:")
            for inner, setting in value.items():
                click.echo(f"  {inner:20} {setting}")
        else:
            click.echo(f"{key:22} {value}")


COMMANDS = (list_identities, show_identity, disk_usage, show_path, show_settings)
