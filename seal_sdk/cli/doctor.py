"""Checking the machine: doctor. Nothing heavy is imported; versions come from the packages' metadata."""

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

from seal_sdk.cli.options import json_option, store_option
from seal_sdk.cli.outcome import FAILED
from seal_sdk.cli.output import human_size, print_json
from seal_sdk.defaults import store_folder
from seal_sdk.pocket import PIPELINE_FOLDER, SAM_WEIGHTS
from store import IdentityStore, StoreError

OLDEST_PYTHON = (3, 11)
PACKAGES = ("seal-sdk", "torch", "torchvision", "diffusers", "transformers", "segment-anything", "zarr", "numpy")
LITTLE_SPACE = 5 * 10**9  # bytes; one SDXL identity of four timesteps takes half a gigabyte


@dataclass(frozen=True)
class Finding:
    """One line of the report; advice is empty where all is well."""

    what: str
    found: str
    advice: str = ""


@click.command("doctor")
@store_option
@json_option
@click.pass_context
def doctor(context: click.Context, root: str | None, as_json: bool) -> None:
    """Check installation, model and store, and say what to do.

    The exit code is 1 when something needs doing.
    """
    findings = [*_installation(), _embedded_model(), *_disk(store_folder(root)), _store(store_folder(root))]
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
    """Where the store is or would be made."""
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


def _store(folder: Path) -> Finding:
    """The store's format, and whether anything in it is missing or cut."""
    try:
        if not folder.exists() or not any(folder.iterdir()):
            return Finding("identities", "none yet")
        report = IdentityStore(folder, create=False).verify(full=False)
    except (StoreError, OSError) as error:
        return Finding("identities", str(error), "choose another --store")
    found = f"{report.identities}, problems: {len(report.problems) or 'none'}"
    return Finding("identities", found, "" if report.ok else "run `seal verify`; register what it names again")


COMMANDS = (doctor,)
