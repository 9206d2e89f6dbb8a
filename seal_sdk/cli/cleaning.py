"""Changing a store: rm, gc, pin, unpin, rename."""

from __future__ import annotations

from dataclasses import asdict

import click

from seal_sdk.cli.options import (
    confirm,
    dry_run_option,
    json_option,
    open_store,
    parse_bytes,
    parse_duration,
    store_option,
    yes_option,
)
from seal_sdk.cli.output import human_size, print_json


@click.command("rm")
@click.argument("names", nargs=-1, required=True)
@store_option
@json_option
@yes_option
@dry_run_option
def remove(names: tuple[str, ...], root: str | None, as_json: bool, yes: bool, dry_run: bool) -> None:
    """Remove identities by name. Their bytes are freed by the next gc that finds them older than its grace period."""
    store = open_store(root)
    names = tuple(dict.fromkeys(names))
    removals = [store.remove(name, dry_run=True) for name in names]  # every name is known before anything goes
    if not dry_run:
        confirm(f"Remove {', '.join(names)} ({human_size(sum(r.reclaimable_bytes for r in removals))})?", yes)
        removals = [store.remove(name) for name in names]
    if as_json:
        keys = ("name", "digest", "reclaimable_bytes")
        print_json([{**{key: getattr(removal, key) for key in keys}, "dry_run": dry_run} for removal in removals])
        return
    for removal in removals:
        verb = "Would remove" if dry_run else "Removed"
        click.echo(f"{verb} {removal.name or removal.digest}: {human_size(removal.reclaimable_bytes)} for gc to free.")


@click.command("gc")
@store_option
@json_option
@yes_option
@dry_run_option
@click.option("--grace-hours", type=click.FloatRange(0), default=24, show_default=True, help="Spare what is younger.")
def collect_garbage(root: str | None, as_json: bool, yes: bool, dry_run: bool, grace_hours: float) -> None:
    """Free what no identity refers to. Safe beside readers and writers while the grace period is kept."""
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


@click.command("prune")
@store_option
@json_option
@yes_option
@dry_run_option
@click.option("--older-than", callback=parse_duration, metavar="AGE", help="Not used for so long, such as 30d or 12h.")
@click.option("--max-size", callback=parse_bytes, metavar="SIZE", help="Until the rest fits, such as 20GB.")
def prune(
    root: str | None, as_json: bool, yes: bool, dry_run: bool, older_than: float | None, max_size: int | None
) -> None:
    """Remove identities that were not used for long, and free their bytes.

    Pinned ones and those in use stay.
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


@click.command("pin")
@click.argument("names", nargs=-1, required=True)
@store_option
@json_option
def pin(names: tuple[str, ...], root: str | None, as_json: bool) -> None:
    """Protect identities from removal."""
    _set_pinned(names, root, as_json, True)


@click.command("unpin")
@click.argument("names", nargs=-1, required=True)
@store_option
@json_option
def unpin(names: tuple[str, ...], root: str | None, as_json: bool) -> None:
    """Allow identities to be removed again."""
    _set_pinned(names, root, as_json, False)


def _set_pinned(names: tuple[str, ...], root: str | None, as_json: bool, pinned: bool) -> None:
    store = open_store(root)
    for name in names:
        (store.pin if pinned else store.unpin)(name)
        click.echo(f"{'Pinned' if pinned else 'Unpinned'} {name}.", err=True)
    if as_json:
        print_json([{"name": name, "pinned": pinned} for name in names])


@click.command("rename")
@click.argument("old")
@click.argument("new")
@store_option
@json_option
def rename(old: str, new: str, root: str | None, as_json: bool) -> None:
    """Give an identity another name."""
    open_store(root).rename(old, new)
    click.echo(f"Renamed {old} to {new}.", err=True)
    if as_json:
        print_json({"old": old, "new": new})


COMMANDS = (remove, collect_garbage, prune, pin, unpin, rename)
