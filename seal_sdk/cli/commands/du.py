"""``seal du``: the bytes that identities use."""

from __future__ import annotations

from dataclasses import asdict

import click

from seal_sdk.byte_sizes import human_size
from seal_sdk.cli.options import json_option, open_store, store_option
from seal_sdk.cli.output import print_json, print_table


@click.command("du")
@store_option
@json_option
def command(root: str | None, as_json: bool) -> None:
    """Show the bytes that identities use alone, share with others, and that gc could free."""
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
