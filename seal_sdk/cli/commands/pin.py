"""``seal pin``: protect identities from removal."""

from __future__ import annotations

import click

from seal_sdk.cli.options import json_option, open_store, store_option
from seal_sdk.cli.output import print_json


@click.command("pin")
@click.argument("names", nargs=-1, required=True)
@store_option
@json_option
def command(names: tuple[str, ...], root: str | None, as_json: bool) -> None:
    """Protect identities from removal."""
    set_pinned(names, root, as_json, True)


def set_pinned(names: tuple[str, ...], root: str | None, as_json: bool, pinned: bool) -> None:
    """Pin or unpin identities, and say so."""
    store = open_store(root)
    for name in names:
        (store.pin if pinned else store.unpin)(name)
        click.echo(f"{'Pinned' if pinned else 'Unpinned'} {name}.", err=True)
    if as_json:
        print_json([{"name": name, "pinned": pinned} for name in names])
