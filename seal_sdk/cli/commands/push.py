"""``seal push``: copy identities to an object store."""

from __future__ import annotations

import click

from seal_sdk.cli.options import json_option, open_store, store_option
from seal_sdk.cli.transfers import transfer


@click.command("push")
@click.argument("names", nargs=-1, required=True)
@click.option(
    "--to", "url", required=True, metavar="URL", help="Such as s3://bucket/prefix, gs://..., az://... or file:///..."
)
@store_option
@json_option
def command(names: tuple[str, ...], url: str, root: str | None, as_json: bool) -> None:
    """Copy identities to an object store. Only blobs that are missing there move; an interrupted push continues."""
    transfer("push", open_store(root).push, names, url, as_json)
