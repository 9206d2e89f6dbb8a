"""Exit codes: every expected error becomes one line on stderr and an exit code that a script can tell apart."""

from __future__ import annotations

import traceback

import click

from seal_sdk.cli.lazy import LazyGroup
from seal_sdk.errors import ConfigError, InputError, SealError
from store import InvalidName, StoreError, StoreLocked, StoreNotFound

FAILED, USAGE, NO_STORE, LOCKED, INTERRUPTED = 1, 2, 10, 11, 130
CODES: tuple[tuple[type[Exception], int], ...] = (
    (StoreNotFound, NO_STORE),
    (StoreLocked, LOCKED),
    (InputError, USAGE),
    (ConfigError, USAGE),
    (InvalidName, USAGE),
)


class Failure(click.ClickException):
    """Ends the command with the line ``Error: <message>`` and an exit code."""

    def __init__(self, message: str, exit_code: int = FAILED) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]  # click reads it of the instance


class SealGroup(LazyGroup):
    """A group whose commands may raise the SDK's errors. ``--debug`` shows their tracebacks."""

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; its errors end the program with their exit code."""
        try:
            return super().invoke(ctx)
        except (click.Abort, KeyboardInterrupt):
            click.echo("Interrupted.", err=True)
            ctx.exit(INTERRUPTED)
        except BrokenPipeError:  # the reader of a pipe, such as head, has stopped reading; click ends quietly
            raise
        except (SealError, StoreError, OSError) as error:
            if ctx.params["debug"]:
                click.echo(traceback.format_exc(), err=True)
            raise Failure(_message(error), _exit_code(error)) from error


def _exit_code(error: Exception) -> int:
    return next((code for kind, code in CODES if isinstance(error, kind)), FAILED)


def _message(error: Exception) -> str:
    """The error's message; for errors of the operating system, the file and what went wrong."""
    if isinstance(error, OSError) and not isinstance(error, (SealError, StoreError)) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error)
