"""Filters of ``seal ls``: ``size>1GB``, ``age>30d``, ``name=tiger*``, ``pinned``, ``damaged``."""

from __future__ import annotations

import operator
import re
import time
from collections.abc import Callable
from fnmatch import fnmatchcase

import click

from seal_sdk.cli.parsing import parse_bytes, parse_duration
from store import IdentityInfo

Filter = Callable[[IdentityInfo], bool]
EXPECTED = "size>1GB, age<30d (since it was made), name=tiger*, prompt=*snow*, pinned, damaged, or one of the last two after 'not '"
_COMPARE = {">": operator.gt, "<": operator.lt, ">=": operator.ge, "<=": operator.le, "=": operator.eq}
_FLAGS: dict[str, Filter] = {"pinned": lambda info: info.pinned, "damaged": lambda info: info.problem is not None}


def parse_filters(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> list[Filter]:
    """A click callback: the conditions that every listed identity has to meet."""
    return [_parse(context, parameter, value) for value in values]


def _parse(context: click.Context, parameter: click.Parameter, text: str) -> Filter:
    text = text.strip()
    flag = text.removeprefix("not ").strip()
    if flag in _FLAGS:
        wanted = flag == text
        return lambda info: _FLAGS[flag](info) == wanted
    match = re.fullmatch(r"(size|age|name|prompt)\s*(>=|<=|>|<|=)\s*(.+)", text)
    if match is None:
        raise click.BadParameter(f"{text!r}: expected {EXPECTED}.")
    field, sign, value = match.groups()
    if field in ("name", "prompt"):
        if sign != "=":
            raise click.BadParameter(f"{text!r}: {field} is compared with = and may hold * and ?.")
        return lambda info: fnmatchcase(getattr(info, field) or "", value)
    compare = _COMPARE[sign]
    if field == "size":
        size = parse_bytes(context, parameter, value) or 0
        return lambda info: compare(info.nbytes, size)
    age, now = parse_duration(context, parameter, value) or 0.0, time.time()
    return lambda info: compare(now - (info.created or now), age)
