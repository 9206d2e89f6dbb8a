"""Options that the commands share, and how their values are read."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from string import ascii_letters
from typing import Any

import click

from seal_sdk.cli.outcome import Failure
from seal_sdk.defaults import STORE_VARIABLE, open_identities
from store import IdentityStore

Command = Callable[..., Any]
BYTES = {
    "": 1,
    "b": 1,
    "kb": 1e3,
    "mb": 1e6,
    "gb": 1e9,
    "tb": 1e12,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "tib": 2**40,
}
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
PATIENCE = 60  # seconds to wait for a lock that another process holds


def _not_a_file(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and Path(value).is_file():
        raise click.BadParameter(f"{value} is a file: give a folder or a URL.")
    return value


def store_option(command: Command) -> Command:
    """``--store``: a folder or a URL; without it ``SEAL_STORE`` or the user's data folder."""
    return click.option(
        "--store",
        "root",
        envvar=STORE_VARIABLE,
        callback=_not_a_file,
        metavar="DIR|URL",
        help="Folder of the identities, or a URL such as s3://bucket/prefix.",
    )(command)


def json_option(command: Command) -> Command:
    return click.option("--json", "as_json", is_flag=True, help="Data as JSON on stdout, messages on stderr.")(command)


def quiet_option(command: Command) -> Command:
    return click.option("-q", "--quiet", is_flag=True, help="Names alone, one a line, to pipe.")(command)


def dry_run_option(command: Command) -> Command:
    return click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")(command)


def yes_option(command: Command) -> Command:
    return click.option("-y", "--yes", is_flag=True, help="Do not ask.")(command)


def open_store(root: str | None) -> IdentityStore:
    """The store, which has to exist. Raises StoreNotFound (exit code 10)."""
    return open_identities(root, create=False, lock_timeout=PATIENCE)


def confirm(question: str, yes: bool) -> None:
    """Ask on a terminal; without one, refuse unless -y was given."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("Nobody is there to ask: give -y to go ahead, or --dry-run to look first.")
    if not click.confirm(question, err=True):
        raise Failure("Nothing was changed.")


def parse_box(_context: click.Context, _parameter: click.Parameter, value: str | None) -> tuple[float, ...] | None:
    """``x0,y0,x1,y1`` in pixels."""
    if value is None:
        return None
    try:
        x0, y0, x1, y1 = (float(part) for part in value.split(","))
    except ValueError as error:
        raise click.BadParameter(f"{value!r}: expected four numbers x0,y0,x1,y1 in pixels.") from error
    return x0, y0, x1, y1


def parse_percentage(_context: click.Context, _parameter: click.Parameter, value: str | None) -> float | None:
    """``5%`` or ``5`` as 0.05."""
    if value is None:
        return None
    try:
        share = float(value.removesuffix("%")) / 100
    except ValueError as error:
        raise click.BadParameter(f"{value!r}: expected a percentage such as 5%.") from error
    if not 0 < share <= 1:
        raise click.BadParameter(f"{value!r}: expected more than 0% and at most 100%.")
    return share


def parse_timesteps(
    _context: click.Context, _parameter: click.Parameter, value: str | None
) -> str | int | list[int] | None:
    """``exact``, a number of anchors, or a list such as 900,600,300."""
    if value is None or value == "exact":
        return value
    try:
        numbers = [int(part) for part in value.split(",")]
    except ValueError as error:
        raise click.BadParameter(
            f"{value!r}: expected 'exact', a number of anchors, or a list such as 900,600,300."
        ) from error
    return numbers if "," in value else numbers[0]


def _with_unit(value: str, units: dict[str, float], expected: str) -> float:
    """``2.5GB`` as 2.5 times what "gb" stands for."""
    number = value.rstrip(ascii_letters)
    try:
        amount = float(number) * units[value[len(number) :].lower()]
    except (KeyError, ValueError) as error:
        raise click.BadParameter(f"{value!r}: expected {expected}.") from error
    if not 0 <= amount < float("inf"):
        raise click.BadParameter(f"{value!r}: expected {expected}.")
    return amount


def parse_bytes(_context: click.Context, _parameter: click.Parameter, value: str | None) -> int | None:
    """``20GB``, ``500 MB``, ``1GiB`` or a plain number of bytes."""
    if value is None:
        return None
    return int(_with_unit(value.replace(" ", ""), BYTES, "a size such as 20GB, 500MB or 1GiB"))


def parse_duration(_context: click.Context, _parameter: click.Parameter, value: str | None) -> float | None:
    """``30d``, ``12h``, ``45m`` or ``10s`` as seconds."""
    if value is None:
        return None
    return _with_unit(value.replace(" ", ""), SECONDS, "an age such as 30d, 12h or 45m")
