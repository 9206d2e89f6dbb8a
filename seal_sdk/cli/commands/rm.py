"""``seal rm``: remove identities."""

from __future__ import annotations

import click

from seal_sdk.byte_sizes import human_size
from seal_sdk.cli.options import confirm, dry_run_option, json_option, open_store, store_option, yes_option
from seal_sdk.cli.output import print_json


@click.command("rm")
@click.argument("names", nargs=-1, required=True)
@store_option
@json_option
@yes_option
@dry_run_option
def command(names: tuple[str, ...], root: str | None, as_json: bool, yes: bool, dry_run: bool) -> None:
    """Remove identities by name. A later gc frees their bytes, once they are older than its grace period."""
    store = open_store(root)
    names = tuple(dict.fromkeys(names))
    removals = [store.remove(name, dry_run=True) for name in names]  # nothing is removed if one name is unknown
    if not dry_run:
        confirm(f"Remove {', '.join(names)} (up to {human_size(sum(r.reclaimable_bytes for r in removals))})?", yes)
        removals = [store.remove(name) for name in names]
    if as_json:
        keys = ("name", "digest", "reclaimable_bytes")
        print_json([{**{key: getattr(removal, key) for key in keys}, "dry_run": dry_run} for removal in removals])
        return
    for removal in removals:
        verb = "Would remove" if dry_run else "Removed"
        click.echo(
            f"{verb} {removal.name or removal.digest}: up to {human_size(removal.reclaimable_bytes)} for gc to free."
        )
