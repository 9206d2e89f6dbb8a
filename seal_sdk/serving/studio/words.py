"""What the page says: errors, sizes and times in words. Texts of one component stand where it is made."""

from __future__ import annotations

import html
import time
from collections.abc import Iterator
from contextlib import contextmanager

import gradio as gr

from seal_sdk.errors import JobCancelled, SealError
from store import StoreError

UNITS = (("day", 86400), ("hour", 3600), ("minute", 60))


@contextmanager
def in_words() -> Iterator[None]:
    """Shows an error of the SDK, the store, the disk or the model as a message of the page; whatever else runs goes on."""
    try:
        yield
    except JobCancelled as error:  # the page says so already
        raise gr.Error(html.escape(str(error)), visible=False, print_exception=False) from error
    except (SealError, StoreError, OSError, ValueError) as error:
        raise refusal(str(error)) from error


def refusal(message: str) -> gr.Error:
    """The error to raise for something that cannot be done. It stays on the page for 20 seconds."""
    return gr.Error(html.escape(message), duration=20, print_exception=False)


def ago(when: float | None, now: float | None = None) -> str:
    """How long ago a time in seconds since the epoch was: "2 hours ago"."""
    if when is None:
        return "never"
    seconds = max((time.time() if now is None else now) - when, 0)
    for unit, length in UNITS:
        if seconds >= length:
            return f"{counted(int(seconds // length), unit)} ago"
    return "just now"


def counted(number: int, noun: str) -> str:
    """A number of things: "1 step", "3 steps"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def listed(names: list[str]) -> str:
    """Names in a sentence: "a, b and c"."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def warn(message: str) -> None:
    """Show a warning until somebody closes it."""
    gr.Warning(html.escape(message), duration=None)
