"""Checking a store and the machine: verify, doctor."""

from __future__ import annotations

import os
import platform
import shutil
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import click
from tqdm import tqdm

from seal_sdk.cli.options import human_size, json_option, open_store, print_json, store_option
from seal_sdk.defaults import store_root
from seal_sdk.pocket import PIPELINE_FOLDER, SAM_WEIGHTS
from store import IdentityStore, StoreError

PACKAGES = ("torch", "torchvision", "diffusers", "transformers", "segment-anything", "zarr", "numpy", "pillow")
LITTLE_SPACE = 5 * 10**9


@click.command("verify")
@store_option
@json_option
@click.option("--sample", metavar="PERCENT", help="Read only this share of the blobs, such as 5%.")
@click.option("--quick", is_flag=True, help="Read no blob: find only missing and cut ones.")
@click.pass_context
def verify(context: click.Context, root: Path | None, as_json: bool, sample: str | None, quick: bool) -> None:
    """Check every entry, manifest and blob; exit code 1 when something is wrong. Changes nothing."""
    share = _share(sample)
    with tqdm(unit="B", unit_scale=True, desc="verify", leave=False, disable=None) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        report = open_store(root).verify(sample=share, full=not quick, progress=progress)
    if as_json:
        print_json({"ok": report.ok, **asdict(report)})
    else:
        for problem in report.problems:
            concerned = f" ({', '.join(problem.identities)})" if problem.identities else ""
            click.echo(f"{problem.path}: {problem.message}{concerned}")
        click.echo(
            f"{report.identities} identities, {report.checked_blobs} of {report.blobs} blobs read "
            f"({human_size(report.checked_bytes)}): {'no problem' if report.ok else f'{len(report.problems)} problems'}.",
            err=not report.ok,
        )
        if not report.ok:
            click.echo("Register the named identities again: only what is broken is computed anew.", err=True)
    context.exit(0 if report.ok else 1)


def _share(sample: str | None) -> float | None:
    if sample is None:
        return None
    try:
        share = float(sample.rstrip("%")) / 100
    except ValueError as error:
        raise click.BadParameter(f"--sample {sample!r}: expected a percentage such as 5%.") from error
    if not 0 < share <= 1:
        raise click.BadParameter(f"--sample {sample!r}: expected more than 0% and at most 100%.")
    return share


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's report; advice is empty where all is well."""

    what: str
    found: str
    advice: str = ""


@click.command("doctor")
@store_option
@json_option
@click.pass_context
def doctor(context: click.Context, root: Path | None, as_json: bool) -> None:
    """Check installation, embedded model and store, and say what to do; exit code 1 when something needs doing."""
    folder = store_root(root)
    findings = [*_installation(), _assets(), *_folder(folder), _store(folder)]
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            click.echo(f"{'!!' if finding.advice else 'ok'}  {finding.what:18} {finding.found}")
            if finding.advice:
                click.echo(f"    -> {finding.advice}")
    context.exit(1 if any(finding.advice for finding in findings) else 0)


def _installation() -> list[Finding]:
    found = [Finding("python", platform.python_version())]
    for package in PACKAGES:
        try:
            found.append(Finding(package, version(package)))
        except PackageNotFoundError:
            found.append(Finding(package, "not installed", "install the package again: pip install seal-sdk"))
    return found


def _assets() -> Finding:
    missing = [path.name for path in (PIPELINE_FOLDER / "model_index.json", SAM_WEIGHTS) if not path.is_file()]
    advice = "the installation is incomplete: install seal-sdk again" if missing else ""
    return Finding("embedded model", f"missing: {', '.join(missing)}" if missing else "complete", advice)


def _folder(folder: Path) -> list[Finding]:
    if not folder.is_dir():
        return [Finding("store", f"{folder} does not exist yet", "")]
    free = shutil.disk_usage(folder).free
    advice = (
        "SDXL identities take gigabytes: free some space, or give --store on another disk"
        if free < LITTLE_SPACE
        else ""
    )
    writable = os.access(folder, os.W_OK | os.X_OK)
    return [
        Finding("store", str(folder)),
        Finding("free space", human_size(free), advice),
        Finding(
            "permissions", "writable" if writable else "read only", "" if writable else "registering needs write access"
        ),
    ]


def _store(folder: Path) -> Finding:
    if not folder.is_dir():
        return Finding("identities", "none yet")
    if not any(folder.iterdir()):
        return Finding("identities", "none yet")
    try:
        store = IdentityStore(folder, create=False)
        report = store.verify(full=False)
    except StoreError as error:
        return Finding("identities", str(error), "choose another --store, or remove the folder if it is no store")
    advice = "" if report.ok else "run `seal verify`, then register what it names again"
    return Finding("identities", f"{report.identities}, {len(report.problems)} problems", advice)


COMMANDS = (verify, doctor)
