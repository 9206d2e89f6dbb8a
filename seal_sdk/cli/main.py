"""The ``seal`` command."""

from __future__ import annotations

import warnings

import click

from seal_sdk.cli import commands
from seal_sdk.cli.exit_codes import SealGroup

EPILOG = """\b
Examples:
  seal demo
  seal register tiger.jpg --name tiger --prompt "a photo of a tiger"
  seal generate tiger --structure pose.png --prompt "a photo of a tiger on snow" -o tiger.png
  seal ls --json
  seal rm tiger --dry-run

\b
Completion of commands and options, here for bash (zsh and fish likewise):
  eval "$(_SEAL_COMPLETE=bash_source seal)"

\b
Exit codes: 0 done, 1 failed or corruption found, 2 usage, 10 no store, 11 locked, 130 interrupted.
"""


@click.group(
    cls=SealGroup,
    package=commands.__name__,
    commands=commands.NAMES,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("--debug", is_flag=True, envvar="SEAL_DEBUG", help="Show where an error came from (or SEAL_DEBUG=1).")
@click.version_option(package_name="seal-sdk", prog_name="seal")
def seal(debug: bool) -> None:
    """Keep a subject's identity across images: register it once, then draw it in any pose, on any scene.

    The store is --store DIR, else $SEAL_STORE, else your data folder (`seal path` prints it).
    """


def main() -> None:
    """The entry point of the installed command."""
    warnings.showwarning = lambda message, *_: click.echo(f"Warning: {message}", err=True)
    seal(prog_name="seal")
