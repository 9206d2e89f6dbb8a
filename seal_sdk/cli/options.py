"""Options and output that the commands share."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from seal_sdk.defaults import STORE_VARIABLE, store_root
from store import IdentityStore

Command = Callable[..., Any]


def store_option(command: Command) -> Command:
    """``--store DIR``: a folder; without it ``SEAL_STORE`` or the user's data folder."""
    return click.option(
        "--store", "root", envvar=STORE_VARIABLE, type=click.Path(path_type=Path), help="Folder of the identities."
    )(command)


def json_option(command: Command) -> Command:
    return click.option("--json", "as_json", is_flag=True, help="Data as JSON on stdout, messages on stderr.")(command)


def quiet_option(command: Command) -> Command:
    return click.option("-q", "--quiet", is_flag=True, help="Names alone, one a line, to pipe.")(command)


def dry_run_option(command: Command) -> Command:
    return click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")(command)


def yes_option(command: Command) -> Command:
    return click.option("-y", "--yes", is_flag=True, help="Do not ask.")(command)


def open_store(root: Path | None) -> IdentityStore:
    """The store, which has to exist. Raises StoreNotFound (exit code 10)."""
    return IdentityStore(store_root(root), create=False)


def print_json(data: Any) -> None:
    click.echo(json.dumps(data, indent=2, default=str))


def print_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Left-aligned columns, as wide as they need."""
    cells = [[str(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    for row in cells:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def human_size(count: float) -> str:
    """Bytes in decimal units: 1234567 -> 1.2 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count) < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def confirm(question: str, yes: bool) -> None:
    """Ask on a terminal; without one, refuse unless -y was given."""
    if yes:
        return
    if not click.get_text_stream("stdin").isatty():
        raise click.UsageError("Nobody is there to ask: give -y to go ahead, or --dry-run to look first.")
    click.confirm(question, abort=True, err=True)


def parse_box(_context: click.Context, _parameter: click.Parameter, value: str | None) -> tuple[float, ...] | None:
    """``x0,y0,x1,y1`` in pixels."""
    if value is None:
        return None
    try:
        x0, y0, x1, y1 = (float(part) for part in value.split(","))
    except ValueError as error:
        raise click.BadParameter(f"{value!r}: expected four numbers x0,y0,x1,y1 in pixels.") from error
    return x0, y0, x1, y1
