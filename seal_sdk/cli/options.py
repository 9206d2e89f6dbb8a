"""Options and checks that the commands share."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from seal_sdk.cli.exit_codes import Failure
from seal_sdk.locations import STORE_VARIABLE, open_identities
from seal_sdk.presets import DEFAULT, PRESETS
from store import IdentityStore

if TYPE_CHECKING:
    from seal_sdk.session import IdentitySession

Command = TypeVar("Command", bound=Callable[..., object])
PATIENCE = 60  # seconds to wait for a lock that another process holds


class _Image(click.Path):
    """A file, or an http(s) URL, which stays a string."""

    name = "image"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The URL itself, else the Path."""
        from seal_sdk.images.download import is_url

        return value if is_url(value) else super().convert(value, param, ctx)


IMAGE_FILE = click.Path(path_type=Path)
IMAGE = _Image(path_type=Path)


def _not_a_file(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and Path(value).is_file():
        raise click.BadParameter(f"{value} is a file: give a folder or a URL.")
    return value


def store_option(command: Command) -> Command:
    """Add ``--store``: a folder or a URL; by default ``SEAL_STORE`` or the user's data folder."""
    return click.option(
        "--store",
        "root",
        envvar=STORE_VARIABLE,
        callback=_not_a_file,
        metavar="DIR|URL",
        help="Folder of the identities, or a URL such as s3://bucket/prefix.",
    )(command)


def preset_option(command: Command) -> Command:
    """Add ``--preset``: all of the method's settings by one name."""
    return click.option(
        "--preset",
        type=click.Choice(tuple(PRESETS)),
        default=DEFAULT,
        show_default=True,
        help="The method's settings: 'paper' is the paper alone, for identities registered so as well.",
    )(command)


def json_option(command: Command) -> Command:
    """Add ``--json``: print data instead of text."""
    return click.option("--json", "as_json", is_flag=True, help="Data as JSON on stdout, messages on stderr.")(command)


def quiet_option(command: Command) -> Command:
    """Add ``--quiet``: print only names."""
    return click.option("-q", "--quiet", is_flag=True, help="Print only names, one per line.")(command)


def dry_run_option(command: Command) -> Command:
    """Add ``--dry-run``: change nothing."""
    return click.option("--dry-run", is_flag=True, help="Say what would be done, and change nothing.")(command)


def yes_option(command: Command) -> Command:
    """Add ``--yes``: skip `confirm`."""
    return click.option("-y", "--yes", is_flag=True, help="Do not ask.")(command)


def open_store(root: str | None) -> IdentityStore:
    """Open an existing store. Raises StoreNotFound (exit code 10)."""
    return open_identities(root, create=False, lock_timeout=PATIENCE)


def confirm(question: str, yes: bool) -> None:
    """Ask for confirmation on a terminal. Without a terminal, refuse unless -y was given."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("Nobody is there to ask: give -y to go ahead, or --dry-run to look first.")
    if not click.confirm(question, err=True):
        raise Failure("Nothing was changed.")


@dataclass(frozen=True)
class ModelOptions:
    """Which model a command opens, and how: arguments of `IdentitySession`. name: its ``model``."""

    name: str
    config: str | None
    accelerator: str
    precision: str
    low_memory: bool

    def open(self, store: str | IdentityStore, **settings: Any) -> IdentitySession:
        """A session on it. settings: further arguments of `IdentitySession`. Torch is imported here."""
        from seal_sdk import IdentitySession

        return IdentitySession(
            self.name,
            store=store,
            config=self.config,
            accelerator=self.accelerator,
            precision=self.precision,
            low_memory=self.low_memory,
            **settings,
        )


def model_options(command: Command) -> Command:
    """Add ``--model``, ``--config``, ``--accelerator``, ``--precision`` and ``--low-memory``, as one `ModelOptions`, ``model``."""

    @wraps(command)
    def grouped(model: str, **given: Any) -> object:
        chosen = {each.name: given.pop(each.name) for each in fields(ModelOptions) if each.name != "name"}
        return command(model=ModelOptions(model, **chosen), **given)

    return _with_model_options(cast(Command, grouped))


def _with_model_options(command: Command) -> Command:
    for option in (
        click.option("--low-memory", is_flag=True, help="Keep models, SAM and K/V in memory only while they are used."),
        click.option("--precision", type=click.Choice(["auto", "fp32", "fp16", "bf16"]), default="auto"),
        click.option("--accelerator", default="auto", show_default=True, help="auto, cpu, gpu, cuda:N or mps."),
        click.option(
            "--config",
            metavar="DIR|ID",
            help="Folder or hub id whose configuration a .safetensors file is read with; by default diffusers asks the hub.",
        ),
        click.option(
            "--model",
            default="pocket",
            show_default=True,
            help="'pocket', a diffusers folder, a hub id or a .safetensors file.",
        ),
    ):
        command = option(command)
    return command


def check_output(output: Path, yes: bool) -> None:
    """Raise UsageError if the output is no PNG in an existing folder, or exists and -y was not given."""
    if output.suffix.lower() != ".png":
        raise click.UsageError(f"{output} is no name of a PNG: end it in .png, the settings travel in that format.")
    if output.exists() and not yes:
        raise click.UsageError(f"{output} exists; give -y to overwrite it, or another -o.")
    if not output.parent.is_dir():
        raise click.UsageError(f"The folder {output.parent} does not exist.")
