"""``seal rename``: give an identity another name."""

from __future__ import annotations

import click

from seal_sdk.cli.options import json_option, open_store, store_option
from seal_sdk.cli.output import print_json


@click.command("rename")
@click.argument("old")
@click.argument("new")
@store_option
@json_option
def command(old: str, new: str, root: str | None, as_json: bool) -> None:
    """Give an identity another name."""
    open_store(root).rename(old, new)
    click.echo(f"Renamed {old} to {new}.", err=True)
    if as_json:
        print_json({"old": old, "new": new})
