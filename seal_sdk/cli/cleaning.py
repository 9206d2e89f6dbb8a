"""Changing a store: rm, gc, pin, unpin, rename."""

from __future__ import annotations

from pathlib import Path

import click

from seal_sdk.cli.options import (
    confirm,
    dry_run_option,
    human_size,
    json_option,
    open_store,
    print_json,
    store_option,
    yes_option,
)


@click.command("rm")
@click.argument("names", nargs=-1, required=True)
@store_option
@json_option
@yes_option
@dry_run_option
def remove(names: tuple[str, ...], root: Path | None, as_json: bool, yes: bool, dry_run: bool) -> None:
    """Remove identities by name. Their bytes are freed by the next gc that finds them older than its grace period."""
    store = open_store(root)
    planned = [store.remove(name, dry_run=True) for name in names]  # every name is known before anything goes
    if not dry_run:
        confirm(f"Remove {', '.join(names)}?", yes)
        planned = [store.remove(name) for name in names]
    if as_json:
        print_json(
            [
                {"name": r.name, "digest": r.digest, "reclaimable_bytes": r.reclaimable_bytes, "dry_run": dry_run}
                for r in planned
            ]
        )
        return
    for removal in planned:
        verb = "Would remove" if dry_run else "Removed"
        click.echo(f"{verb} {removal.name or removal.digest}: {human_size(removal.reclaimable_bytes)} for gc to free.")


@click.command("gc")
@store_option
@json_option
@yes_option
@dry_run_option
@click.option("--grace-hours", type=click.FloatRange(0), default=24, show_default=True, help="Spare what is younger.")
def collect_garbage(root: Path | None, as_json: bool, yes: bool, dry_run: bool, grace_hours: float) -> None:
    """Free what no identity refers to. Safe beside readers and writers while the grace period is kept."""
    store = open_store(root)
    if grace_hours < 1 and not dry_run:
        confirm(
            "With less than an hour of grace, a process that is registering right now may have to start over. Go on?",
            yes,
        )
    report = store.gc(grace=grace_hours * 3600, dry_run=dry_run)
    if as_json:
        print_json(
            {
                "freed_bytes": report.freed_bytes,
                "trashed_bytes": report.trashed_bytes,
                "removed": report.removed,
                "dry_run": dry_run,
            }
        )
        return
    verb = "Would free" if dry_run else "Freed"
    click.echo(
        f"{verb} {human_size(report.freed_bytes)}; {human_size(report.trashed_bytes)} in the trash for the next run."
    )


@click.command("pin")
@click.argument("names", nargs=-1, required=True)
@store_option
def pin(names: tuple[str, ...], root: Path | None) -> None:
    """Protect identities from removal."""
    store = open_store(root)
    for name in names:
        store.pin(name)
        click.echo(f"Pinned {name}.", err=True)


@click.command("unpin")
@click.argument("names", nargs=-1, required=True)
@store_option
def unpin(names: tuple[str, ...], root: Path | None) -> None:
    """Allow identities to be removed again."""
    store = open_store(root)
    for name in names:
        store.unpin(name)
        click.echo(f"Unpinned {name}.", err=True)


@click.command("rename")
@click.argument("old")
@click.argument("new")
@store_option
def rename(old: str, new: str, root: Path | None) -> None:
    """Give an identity another name."""
    open_store(root).rename(old, new)
    click.echo(f"Renamed {old} to {new}.", err=True)


COMMANDS = (remove, collect_garbage, pin, unpin, rename)
