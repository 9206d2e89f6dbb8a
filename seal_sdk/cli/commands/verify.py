"""``seal verify``: check every entry, manifest and blob of a store."""

from __future__ import annotations

from dataclasses import asdict

import click

from seal_sdk.byte_sizes import human_size
from seal_sdk.cli.exit_codes import FAILED
from seal_sdk.cli.options import json_option, open_store, store_option
from seal_sdk.cli.output import byte_bar, print_json
from seal_sdk.cli.parsing import parse_percentage
from store import Repair, VerifyReport


@click.command("verify")
@store_option
@json_option
@click.option(
    "--sample", callback=parse_percentage, metavar="PERCENT", help="Read only this share of the blobs, such as 5%."
)
@click.option("--quick", is_flag=True, help="Read no blob: find only missing and truncated ones.")
@click.option("--full", is_flag=True, help="Read every blob (the default).")
@click.option(
    "--repair", is_flag=True, help="Move what is damaged to quarantine, so that it is computed again when next used."
)
@click.pass_context
def command(
    context: click.Context, root: str | None, as_json: bool, sample: float | None, quick: bool, full: bool, repair: bool
) -> None:
    """Check every entry, manifest and blob. Changes nothing without --repair.

    The exit code is 1 when something is wrong.
    """
    if full and (quick or sample is not None):
        raise click.UsageError("--full reads every blob: leave --quick and --sample away.")
    if quick and sample is not None:
        raise click.UsageError("--quick reads no blob, so that --sample has no meaning beside it.")
    report = _check(root, sample, quick)
    repaired = open_store(root).repair(report) if repair and not report.ok else None
    if as_json:
        print_json({"ok": report.ok, **asdict(report), "repair": repaired and asdict(repaired)})
    else:
        _print(report)
        if repaired is not None:
            _print_repair(repaired)
    context.exit(0 if report.ok else FAILED)


def _check(root: str | None, sample: float | None, quick: bool) -> VerifyReport:
    store = open_store(root)
    with byte_bar("verify") as progress:
        return store.verify(sample=sample, full=not quick, progress=progress)


def _print(report: VerifyReport) -> None:
    for problem in report.problems:
        concerned = f" ({', '.join(problem.identities)})" if problem.identities else ""
        click.echo(f"{problem.path}: {problem.message}{concerned}")
    found = "no problem" if report.ok else f"problems: {len(report.problems)}"
    click.echo(
        f"{report.identities} identities, {report.checked_blobs} of {report.blobs} blobs read "
        f"({human_size(report.checked_bytes)}): {found}.",
        err=not report.ok,
    )
    if not report.ok:
        click.echo("Register the named identities again, or --repair: only what is broken is computed anew.", err=True)


def _print_repair(repaired: Repair) -> None:
    click.echo(f"Set aside: {len(repaired.quarantined)} files, in the store's quarantine folder.", err=True)
    if repaired.heal:
        click.echo(f"Computed anew when next used: {', '.join(repaired.heal)}.", err=True)
    if repaired.lost:
        click.echo(f"To be registered again: {', '.join(repaired.lost)}.", err=True)
