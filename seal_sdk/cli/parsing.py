"""Parsing of option values. Each function is a click callback."""

from __future__ import annotations

from string import ascii_letters

import click

Box = tuple[float, float, float, float]  # x0, y0, x1, y1 in pixels

BYTES: dict[str, float] = {
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
SECONDS: dict[str, float] = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def parse_box(_context: click.Context, _parameter: click.Parameter, value: str | None) -> Box | None:
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


def parse_images_per_forward(_context: click.Context, _parameter: click.Parameter, value: str) -> str | int:
    """``exact``, ``auto``, or a number of images."""
    if value in ("exact", "auto"):
        return value
    if not value.isdecimal() or int(value) < 1:
        raise click.BadParameter(f"{value!r}: expected 'exact', 'auto' or an integer >= 1.")
    return int(value)


def _with_unit(value: str, units: dict[str, float], expected: str) -> float:
    """A number with a unit: ``2.5GB`` is 2.5 times the value of "gb"."""
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
