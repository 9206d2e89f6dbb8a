"""``seal import``: read an identity from a file."""

from __future__ import annotations

from pathlib import Path

import click

from seal_sdk.byte_sizes import human_size
from seal_sdk.cli.options import json_option, store_option
from seal_sdk.cli.output import byte_bar, print_json
from seal_sdk.locations import open_identities

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("import")
@click.argument("file", type=FILE)
@click.option("--name", help="Its name; by default that of the bundle.")
@click.option(
    "--trust", is_flag=True, help="Registering the same image then finds it, and its name has no 'imported/'."
)
@click.option("-y", "--yes", is_flag=True, help="Take over the name if another identity has it.")
@store_option
@json_option
def command(file: Path, name: str | None, trust: bool, yes: bool, root: str | None, as_json: bool) -> None:
    """Read an identity from FILE. Every byte is checked; it is called imported/NAME until you --trust it."""
    store = open_identities(root)
    with byte_bar("import") as progress:
        stored = store.import_bundle(file, name=name, trust=trust, replace=yes, progress=progress)
    if as_json:
        print_json({"name": stored.name, "digest": stored.digest, "bytes": stored.nbytes, "trusted": trust})
        return
    click.echo(f"{stored.name}: {human_size(stored.nbytes)}, {len(stored.timesteps)} timesteps.")
