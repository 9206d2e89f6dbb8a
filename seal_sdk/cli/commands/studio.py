"""``seal studio``: the page in the browser. Torch and gradio are imported only when it runs."""

from __future__ import annotations

import os
import signal
from importlib.util import find_spec
from threading import Event

import click

from seal_sdk.cli.exit_codes import USAGE, Failure
from seal_sdk.cli.options import ModelOptions, model_options, preset_option, store_option
from seal_sdk.locations import store_location


@click.command("studio")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Where it listens; 0.0.0.0 lets other machines in."
)
@click.option("--port", type=click.IntRange(0, 65535), default=7860, show_default=True, help="0 takes a free one.")
@click.option("--browser/--no-browser", default=True, help="Open it in the browser.")
@preset_option
@model_options
@store_option
def command(
    host: str,
    port: int,
    browser: bool,
    preset: str,
    model: ModelOptions,
    root: str | None,
) -> None:
    """Register, draw and look after identities in the browser.

    Whoever reaches the port may do all of that: keep it to this machine, or put a server that asks for a password in front.
    """
    if find_spec("gradio") is None:
        raise Failure("The studio needs gradio: pip install 'seal-sdk[studio]'.", USAGE)

    from seal_sdk.serving.studio.address import free_port

    port = free_port(host, port)  # told before a model is loaded

    from seal_sdk.serving.engine import Engine
    from seal_sdk.serving.studio.app import serving

    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with model.open(store_location(root), preset=preset, enable_progress_bar=False) as session:
        engine = Engine(session)
        try:
            with serving(engine, host=host, port=port, browser=browser and has_desktop()) as address:
                click.echo(f"The studio is at {address} (Ctrl-C ends it).")
                stop.wait()
        finally:
            engine.close(0)


def has_desktop() -> bool:
    """Whether a browser can be opened here: on Linux that takes a display."""
    return os.name == "nt" or os.uname().sysname == "Darwin" or bool({"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys())
