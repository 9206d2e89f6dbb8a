"""The ``seal`` command: its groups, and how errors become one line and an exit code."""

from __future__ import annotations

import os
import sys
import traceback

import click

from seal_sdk.cli import checking, cleaning, listing, making
from seal_sdk.errors import ConfigError, InputError, SealError
from store import StoreError, StoreLocked, StoreNotFound

FAILED, USAGE, NO_STORE, LOCKED, INTERRUPTED = 1, 2, 10, 11, 130

EPILOG = """\b
Examples:
  seal demo
  seal register tiger.jpg --name tiger --prompt "a photo of a tiger"
  seal generate tiger --structure pose.png --prompt "a photo of a tiger on snow" -o tiger.png
  seal ls --json

\b
Exit codes: 0 done, 1 failed or corruption found, 2 usage, 10 no store, 11 locked, 130 interrupted.
"""


@click.group(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="seal-sdk", prog_name="seal")
def seal() -> None:
    """Keep a subject's identity across images: register it once, then draw it in any pose, on any scene.

    The store is --store DIR, else $SEAL_STORE, else your data folder (`seal path` prints it).
    """


for command in (*making.COMMANDS, *listing.COMMANDS, *cleaning.COMMANDS, *checking.COMMANDS):
    seal.add_command(command)


def exit_code(error: BaseException) -> int:
    """What a script is told of an error."""
    if isinstance(error, StoreNotFound):
        return NO_STORE
    if isinstance(error, StoreLocked):
        return LOCKED
    if isinstance(error, (InputError, ConfigError)):
        return USAGE
    return FAILED


def main() -> None:
    """Entry point: one clear line on stderr for every expected error; ``SEAL_DEBUG=1`` shows the traceback too."""
    try:
        result = seal.main(standalone_mode=False)
        sys.exit(result if isinstance(result, int) else 0)
    except click.exceptions.Exit as request:
        sys.exit(request.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # the reader of a pipe, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except (SealError, StoreError) as error:
        if os.environ.get("SEAL_DEBUG"):
            traceback.print_exc()
        click.echo(f"Error: {error}", err=True)
        sys.exit(exit_code(error))
