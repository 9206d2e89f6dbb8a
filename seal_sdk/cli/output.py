"""Output of the commands: JSON for scripts, aligned columns and rounded sizes for people."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

import click


def print_json(data: object) -> None:
    """Print data as indented JSON; what JSON does not know is printed as text."""
    click.echo(json.dumps(data, indent=2, default=str, ensure_ascii=False))


def print_table(header: Sequence[str], rows: Sequence[Sequence[object]], right: Collection[str] = ()) -> None:
    """Print aligned columns. On a terminal, lines are cut at its width.

    Args:
        header: Titles of the columns.
        rows: The cells of each row.
        right: Titles of the columns that are aligned to the right.
    """
    cells = [[str(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    most = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    lines = []
    for row in cells:
        padded = [
            cell.rjust(width) if name in right else cell.ljust(width)
            for name, cell, width in zip(header, row, widths, strict=True)
        ]
        lines.append(_cut("  ".join(padded).rstrip(), most))
    click.echo("\n".join(lines))


def text_width() -> int:
    """Characters of a line of running text: at most 100, as more is hard to read."""
    return max(min(shutil.get_terminal_size((100, 24)).columns, 100), 40)


def _cut(line: str, most: int | None) -> str:
    """At most so many characters of a line; None: all."""
    return line[: most - 1] + "…" if most is not None and len(line) > most else line


@contextmanager
def byte_bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar of bytes on stderr, if that is a terminal. Yields ``progress(done, total)``."""
    from tqdm import tqdm

    with tqdm(unit="B", unit_scale=True, desc=what, leave=False, disable=None) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield progress


def print_settings(settings: Mapping[str, object], indent: int = 0) -> None:
    """Print one setting per line; those of a group are indented, and so on for groups in it."""
    for key, value in settings.items():
        if isinstance(value, dict) and value:
            click.echo(f"{'':{indent}}{key}:")
            print_settings(value, indent + 2)
        else:
            shown = "-" if value is None or value == {} else value
            click.echo(f"{'':{indent}}{key:{22 - indent}} {shown}")
