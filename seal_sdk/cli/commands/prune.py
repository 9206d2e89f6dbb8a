"""``seal prune``: remove identities by age or total size."""

from __future__ import annotations

from dataclasses import asdict

import click

from seal_sdk.byte_sizes import human_size
from seal_sdk.cli.options import confirm, dry_run_option, json_option, open_store, store_option, yes_option
from seal_sdk.cli.output import print_json
from seal_sdk.cli.parsing import parse_bytes, parse_duration


@click.command("prune")
@store_option
@json_option
@yes_option
@dry_run_option
@click.option("--older-than", callback=parse_duration, metavar="AGE", help="Unused for this long, such as 30d or 12h.")
@click.option(
    "--max-size",
    callback=parse_bytes,
    metavar="SIZE",
    help="The least recently used, until the rest fits, such as 20GB.",
)
def command(
    root: str | None, as_json: bool, yes: bool, dry_run: bool, older_than: float | None, max_size: int | None
) -> None:
    """Remove identities that were not used for a long time, and free their bytes.

    Pinned identities and those in use stay.
    """
    if older_than is None and max_size is None:
        raise click.UsageError("Say what may go: --older-than 30d, --max-size 20GB, or both.")
    store = open_store(root)
    report = store.prune(older_than=older_than, max_bytes=max_size, dry_run=True)
    if report.removed and not dry_run:
        confirm(f"Remove {len(report.removed)} identities ({human_size(report.removed_bytes)})?", yes)
        report = store.prune(older_than=older_than, max_bytes=max_size)
        store.gc()
    if as_json:
        keys = ("removed_bytes", "kept_bytes", "dry_run")
        removed = [asdict(each) for each in report.removed]
        print_json({"removed": removed, **{key: getattr(report, key) for key in keys}})
        return
    for each in report.removed:
        verb = "Would remove" if report.dry_run else "Removed"
        click.echo(f"{verb} {', '.join(each.names) or each.digest[:12]}: {human_size(each.nbytes)}.")
    click.echo(
        f"{len(report.removed)} identities, {human_size(report.removed_bytes)}; {human_size(report.kept_bytes)} stay."
    )
