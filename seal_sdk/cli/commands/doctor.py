"""``seal doctor``: check the machine. Versions come from the packages' metadata, so nothing heavy is imported."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import click

from seal_sdk.byte_sizes import human_size
from seal_sdk.cli.exit_codes import FAILED
from seal_sdk.cli.options import json_option, store_option
from seal_sdk.cli.output import print_json
from seal_sdk.locations import store_folder
from seal_sdk.pocket import PIPELINE_FOLDER, SAM_WEIGHTS
from store import Health, IdentityStore, StoreError

OLDEST_PYTHON = (3, 11)
PACKAGES = ("seal-sdk", "torch", "torchvision", "diffusers", "transformers", "segment-anything", "zarr", "numpy")
LITTLE_SPACE = 5 * 10**9  # bytes; one SDXL identity of four timesteps takes half a gigabyte


@dataclass(frozen=True)
class Finding:
    """One line of the report. The advice is empty if all is well."""

    what: str
    found: str
    advice: str = ""


@click.command("doctor")
@store_option
@json_option
@click.pass_context
def command(context: click.Context, root: str | None, as_json: bool) -> None:
    """Check installation, model and store, and say what to do.

    The exit code is 1 when something needs doing.
    """
    findings = [*_installation(), _embedded_model(), *_disk(store_folder(root)), *_store(store_folder(root))]
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            click.echo(f"{'!!' if finding.advice else 'ok'}  {finding.what:18} {finding.found}")
            if finding.advice:
                click.echo(f"    -> {finding.advice}")
    context.exit(FAILED if any(finding.advice for finding in findings) else 0)


def _installation() -> Iterator[Finding]:
    old = sys.version_info < OLDEST_PYTHON
    yield Finding("python", platform.python_version(), "Python 3.11 or newer is needed" if old else "")
    for package in PACKAGES:
        try:
            yield Finding(package, version(package))
        except PackageNotFoundError:
            yield Finding(package, "not installed", "in the project's folder: pip install -e .")


def _embedded_model() -> Finding:
    missing = [path.name for path in (PIPELINE_FOLDER / "model_index.json", SAM_WEIGHTS) if not path.is_file()]
    if missing:
        return Finding("embedded model", f"missing: {', '.join(missing)}", "the installation is incomplete: repeat it")
    return Finding("embedded model", "complete")


def _disk(folder: Path) -> Iterator[Finding]:
    """The disk that holds the store, or would hold it."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    yield Finding("store", str(folder) if there == folder else f"{folder} (not made yet)")
    free = shutil.disk_usage(there).free
    yield Finding(
        "free space",
        human_size(free),
        "SDXL identities take gigabytes: free some, or give --store on another disk" if free < LITTLE_SPACE else "",
    )
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        yield Finding("permissions", "writable")
    else:
        yield Finding("permissions", f"{there} cannot be written", "registering needs write access: choose --store")


def _store(folder: Path) -> Iterator[Finding]:
    """The store's format and file system, and whether anything in it is missing, truncated or left behind."""
    try:
        if not folder.exists() or not any(folder.iterdir()):
            yield Finding("identities", "none yet")
            return
        place = IdentityStore(folder, create=False)
        report = place.verify(full=False)
    except (StoreError, OSError) as error:
        yield Finding("identities", str(error), "choose another --store")
        return
    yield Finding("layout", (folder / "FORMAT").read_text().strip())
    found = f"{report.identities}, problems: {len(report.problems) or 'none'}"
    yield Finding("identities", found, "" if report.ok else "run `seal verify --repair`; register what it names again")
    yield from _health(place.health())


def _health(health: Health) -> Iterator[Finding]:
    if health.error:
        yield Finding(
            "file system", health.error, "it serves what it holds; registering needs a folder that can be written"
        )
        return
    yield Finding(
        "locks",
        "work" if health.locks else "do not keep others out",
        "" if health.locks else "nothing gets corrupt, but two processes may compute the same: choose a local disk",
    )
    yield Finding(
        "durability",
        "files and folders sync" if health.syncs else "sync fails",
        "" if health.syncs else "choose another disk",
    )
    left = (
        f"{health.stale_pins} pins, {health.leftovers} temporary files, {human_size(health.trash_bytes)} in the trash"
    )
    yield Finding("left behind", left, "run `seal gc`" if health.stale_pins or health.leftovers else "")
