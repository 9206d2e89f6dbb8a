"""``seal path``: where the store is."""

from __future__ import annotations

import click

from seal_sdk.cli.options import json_option, store_option
from seal_sdk.cli.output import print_json
from seal_sdk.locations import store_folder, store_location


@click.command("path")
@store_option
@json_option
def command(root: str | None, as_json: bool) -> None:
    """Print the store's folder, or its URL."""
    location = store_location(root)
    if as_json:
        print_json({"path": location, "exists": store_folder(root).is_dir()})
    else:
        click.echo(location)
