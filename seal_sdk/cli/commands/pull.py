"""``seal pull``: copy identities from an object store."""

from __future__ import annotations

import click

from seal_sdk.cli.options import json_option, store_option
from seal_sdk.cli.transfers import transfer
from seal_sdk.locations import open_identities


@click.command("pull")
@click.argument("names", nargs=-1, required=True)
@click.option(
    "--from", "url", required=True, metavar="URL", help="Such as s3://bucket/prefix, gs://..., az://... or file:///..."
)
@store_option
@json_option
def command(names: tuple[str, ...], url: str, root: str | None, as_json: bool) -> None:
    """Copy identities from an object store. Only blobs that are missing here move; every byte is checked."""
    transfer("pull", open_identities(root).pull, names, url, as_json)
