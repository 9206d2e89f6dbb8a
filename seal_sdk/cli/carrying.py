"""Carrying identities between machines: export, import."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from seal_sdk.cli.options import json_option, open_store, store_option, yes_option
from seal_sdk.cli.output import human_size, print_json
from seal_sdk.defaults import store_root
from store import IdentityStore

FILE = click.Path(path_type=Path, dir_okay=False)


@contextmanager
def byte_bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar of bytes on stderr, quiet when that is no terminal; yields progress(done, total)."""
    from tqdm import tqdm

    with tqdm(unit="B", unit_scale=True, desc=what, leave=False, disable=None) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield progress


@click.command("export")
@click.argument("name")
@click.argument("file", type=FILE)
@click.option("-y", "--yes", is_flag=True, help="Overwrite the file.")
@store_option
@json_option
def export(name: str, file: Path, yes: bool, root: Path | None, as_json: bool) -> None:
    """Write the identity NAME into one FILE, such as tiger.seal, to carry elsewhere."""
    if file.exists() and not yes:
        raise click.UsageError(f"{file} exists; give -y to overwrite it, or another name.")
    store = open_store(root)
    with byte_bar("export") as progress:
        store.export(name, file, progress=progress)
    if as_json:
        print_json({"name": name, "file": str(file), "bytes": file.stat().st_size})
        return
    click.echo(f"{file}: {human_size(file.stat().st_size)}.")


@click.command("import")
@click.argument("file", type=FILE)
@click.option("--name", help="What to call it; the bundle's own name where not given.")
@click.option("--trust", is_flag=True, help="Registering the same image then finds it; its name loses 'imported/'.")
@yes_option
@store_option
@json_option
def import_(file: Path, name: str | None, trust: bool, yes: bool, root: Path | None, as_json: bool) -> None:
    """Take an identity in from FILE. Every byte is checked; it is called imported/NAME until you --trust it."""
    store = IdentityStore(store_root(root))
    with byte_bar("import") as progress:
        stored = store.import_bundle(file, name=name, trust=trust, replace=yes, progress=progress)
    if as_json:
        print_json({"name": stored.name, "digest": stored.digest, "bytes": stored.nbytes, "trusted": trust})
        return
    click.echo(f"{stored.name}: {human_size(stored.nbytes)}, {len(stored.timesteps)} timesteps.")


COMMANDS = (export, import_)
