"""Carrying identities between machines: export, import, push, pull."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from seal_sdk.cli.options import json_option, open_store, store_option
from seal_sdk.cli.output import byte_bar, human_size, print_json
from seal_sdk.defaults import open_identities
from store import IdentityStore, Transfer

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("export")
@click.argument("name")
@click.argument("file", type=FILE)
@click.option("-y", "--yes", is_flag=True, help="Overwrite the file.")
@store_option
@json_option
def export(name: str, file: Path, yes: bool, root: str | None, as_json: bool) -> None:
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
@click.option("-y", "--yes", is_flag=True, help="Take the name over where another identity has it.")
@store_option
@json_option
def import_(file: Path, name: str | None, trust: bool, yes: bool, root: str | None, as_json: bool) -> None:
    """Take an identity in from FILE. Every byte is checked; it is called imported/NAME until you --trust it."""
    store = open_identities(root)
    with byte_bar("import") as progress:
        stored = store.import_bundle(file, name=name, trust=trust, replace=yes, progress=progress)
    if as_json:
        print_json({"name": stored.name, "digest": stored.digest, "bytes": stored.nbytes, "trusted": trust})
        return
    click.echo(f"{stored.name}: {human_size(stored.nbytes)}, {len(stored.timesteps)} timesteps.")


@click.command("push")
@click.argument("names", nargs=-1, required=True)
@click.option(
    "--to", "url", required=True, metavar="URL", help="Such as s3://bucket/prefix, gs://..., az://... or file:///..."
)
@store_option
@json_option
def push(names: tuple[str, ...], url: str, root: str | None, as_json: bool) -> None:
    """Bring identities to an object store. Only blobs that are missing there move; one that broke off goes on."""
    _transfer(open_store(root), "push", names, url, as_json)


@click.command("pull")
@click.argument("names", nargs=-1, required=True)
@click.option(
    "--from", "url", required=True, metavar="URL", help="Such as s3://bucket/prefix, gs://..., az://... or file:///..."
)
@store_option
@json_option
def pull(names: tuple[str, ...], url: str, root: str | None, as_json: bool) -> None:
    """Bring identities here from an object store. Only blobs that are missing here move; every byte is checked."""
    _transfer(open_identities(root), "pull", names, url, as_json)


def _transfer(store: IdentityStore, direction: str, names: tuple[str, ...], url: str, as_json: bool) -> None:
    done: list[Transfer] = []
    for name in dict.fromkeys(names):
        with byte_bar(f"{direction} {name}") as progress:
            done.append(getattr(store, direction)(name, url, progress=progress))
        moved, total = human_size(done[-1].moved_bytes), human_size(done[-1].total_bytes)
        click.echo(f"{name}: {moved} of {total} moved.", err=as_json)
    if as_json:
        print_json([{"name": name, **asdict(each)} for name, each in zip(dict.fromkeys(names), done, strict=True)])


COMMANDS = (export, import_, push, pull)
