"""What ``seal push`` and ``seal pull`` share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

import click

from seal_sdk.byte_sizes import human_size
from seal_sdk.cli.output import byte_bar, print_json
from store import Transfer


def transfer(direction: str, move: Callable[..., Transfer], names: tuple[str, ...], url: str, as_json: bool) -> None:
    """Push or pull identities, and print how much was moved.

    Args:
        direction: "push" or "pull", for the progress bar.
        move: The store's method.
        names: Names of the identities; repeated ones count once.
        url: The object store.
        as_json: Whether to print JSON.
    """
    done: list[Transfer] = []
    for name in dict.fromkeys(names):
        with byte_bar(f"{direction} {name}") as progress:
            done.append(move(name, url, progress=progress))
        moved, total = human_size(done[-1].moved_bytes), human_size(done[-1].total_bytes)
        click.echo(f"{name}: {moved} of {total} moved.", err=as_json)
    if as_json:
        print_json([{"name": name, **asdict(each)} for name, each in zip(dict.fromkeys(names), done, strict=True)])
