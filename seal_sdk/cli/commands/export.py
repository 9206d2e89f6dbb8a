"""``seal export``: write an identity into one file."""

from __future__ import annotations

from pathlib import Path

import click

from seal_sdk.byte_sizes import human_size
from seal_sdk.cli.options import json_option, open_store, store_option
from seal_sdk.cli.output import byte_bar, print_json

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("export")
@click.argument("name")
@click.argument("file", type=FILE)
@click.option("-y", "--yes", is_flag=True, help="Overwrite the file.")
@store_option
@json_option
def command(name: str, file: Path, yes: bool, root: str | None, as_json: bool) -> None:
    """Write the identity NAME into one FILE, such as tiger.seal, to copy elsewhere."""
    if file.exists() and not yes:
        raise click.UsageError(f"{file} exists; give -y to overwrite it, or another name.")
    store = open_store(root)
    with byte_bar("export") as progress:
        store.export(name, file, progress=progress)
    if as_json:
        print_json({"name": name, "file": str(file), "bytes": file.stat().st_size})
        return
    click.echo(f"{file}: {human_size(file.stat().st_size)}.")
