"""``seal unpin``: allow identities to be removed again."""

from __future__ import annotations

import click

from seal_sdk.cli.commands.pin import set_pinned
from seal_sdk.cli.options import json_option, store_option


@click.command("unpin")
@click.argument("names", nargs=-1, required=True)
@store_option
@json_option
def command(names: tuple[str, ...], root: str | None, as_json: bool) -> None:
    """Allow identities to be removed again."""
    set_pinned(names, root, as_json, False)
