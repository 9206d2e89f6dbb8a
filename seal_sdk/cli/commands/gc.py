"""``seal gc``: free what no identity refers to."""

from __future__ import annotations

import click

from seal_sdk.byte_sizes import human_size
from seal_sdk.cli.options import confirm, dry_run_option, json_option, open_store, store_option, yes_option
from seal_sdk.cli.output import print_json


@click.command("gc")
@store_option
@json_option
@yes_option
@dry_run_option
@click.option("--grace-hours", type=click.FloatRange(0), default=24, show_default=True, help="Keep what is younger.")
def command(root: str | None, as_json: bool, yes: bool, dry_run: bool, grace_hours: float) -> None:
    """Free what no identity refers to. Readers and writers may run at the same time if the grace period is kept."""
    store = open_store(root)
    if grace_hours < 1 and not dry_run:
        confirm("With under an hour of grace, a process that is registering now may have to start over. Go on?", yes)
    report = store.gc(grace=grace_hours * 3600, dry_run=dry_run)
    if as_json:
        keys = ("freed_bytes", "trashed_bytes", "removed", "dry_run")
        print_json({key: getattr(report, key) for key in keys})
        return
    freed, trashed = human_size(report.freed_bytes), human_size(report.trashed_bytes)
    click.echo(f"{'Would free' if dry_run else 'Freed'} {freed}; {trashed} in the trash for a later run.")
