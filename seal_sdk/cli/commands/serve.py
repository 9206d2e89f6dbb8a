"""``seal serve``: the HTTP service. Its web libraries, and torch, are imported only when it runs."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seal_sdk.cli.exit_codes import USAGE, Failure
from seal_sdk.cli.options import ModelOptions, model_options, preset_option, store_option
from seal_sdk.cli.parsing import parse_bytes, parse_images_per_forward
from seal_sdk.locations import store_location

if TYPE_CHECKING:
    from seal_sdk.session import IdentitySession

TOKENS_VARIABLE = "SEAL_TOKENS"
LIBRARIES = ("fastapi", "uvicorn", "sse_starlette", "prometheus_client", "python_multipart")


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="Other machines need a token.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes any that is free."
)
@click.option(
    "--token",
    "tokens",
    multiple=True,
    help=f"Of a client; others see it in the list of processes. Or {TOKENS_VARIABLE}.",
)
@click.option(
    "--token-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="One token per line, one per client.",
)
@click.option("--allow-urls", is_flag=True, help="Fetch images from public http(s) addresses in requests.")
@click.option("--log-prompts", is_flag=True, help="Write prompts to the log.")
@click.option(
    "--grace", type=click.FloatRange(0), default=120, show_default=True, help="Seconds to finish jobs after SIGTERM."
)
@click.option(
    "--images-per-forward",
    default="exact",
    show_default=True,
    callback=parse_images_per_forward,
    metavar="N|exact|auto",
    help="How many images, of several requests too, the model computes at once.",
)
@click.option("--max-request", callback=parse_bytes, default="32MiB", show_default=True, help="Bytes of a request.")
@click.option(
    "--max-pixels", type=click.IntRange(1), default=2048 * 2048, show_default=True, help="Of an image to draw."
)
@click.option("--max-steps", type=click.IntRange(1), default=150, show_default=True, help="Of an image to draw.")
@click.option("--max-images", type=click.IntRange(1), default=10, show_default=True, help="Of one request.")
@click.option("--max-prompt", type=click.IntRange(1), default=4000, show_default=True, help="Characters of a prompt.")
@click.option(
    "--rate",
    type=click.FloatRange(0, min_open=True),
    default=600,
    show_default=True,
    help="A client's POSTs per minute.",
)
@click.option("--max-waiting", type=click.IntRange(1), default=256, show_default=True, help="Jobs in the queue.")
@click.option("--max-waiting-per-client", type=click.IntRange(1), default=64, show_default=True, help="Of one client.")
@click.option(
    "--deadline", type=click.FloatRange(0, min_open=True), default=600, show_default=True, help="Seconds of a job."
)
@click.option(
    "--max-deadline",
    type=click.FloatRange(0, min_open=True),
    default=3600,
    show_default=True,
    help="That a request may ask.",
)
@preset_option
@model_options
@store_option
def command(
    host: str,
    port: int,
    tokens: tuple[str, ...],
    token_file: Path | None,
    allow_urls: bool,
    log_prompts: bool,
    grace: float,
    images_per_forward: str | int,
    max_request: int,
    max_pixels: int,
    max_steps: int,
    max_images: int,
    max_prompt: int,
    rate: float,
    max_waiting: int,
    max_waiting_per_client: int,
    deadline: float,
    max_deadline: float,
    preset: str,
    model: ModelOptions,
    root: str | None,
) -> None:
    """Serve OpenAI's images API over HTTP, with identities (docs/service.md). Needs pip install 'seal-sdk[serve]'.

    SIGTERM or Ctrl-C finishes the jobs that were accepted, and then ends; a second one ends at once.
    """
    if not all(map(find_spec, LIBRARIES)):
        raise Failure("The service needs fastapi and others: pip install 'seal-sdk[serve]'.", USAGE)

    from seal_sdk.serving.http.settings import Limits, ServiceSettings

    settings = ServiceSettings(
        host=host,
        port=port,
        model=model_name(model.name),
        tokens=all_tokens(tokens, token_file),
        grace=grace,
        allow_urls=allow_urls,
        log_prompts=log_prompts,
        limits=Limits(
            request_bytes=max_request,
            pixels=max_pixels,
            steps=max_steps,
            images=max_images,
            prompt_length=max_prompt,
            requests_per_minute=rate,
            max_waiting=max_waiting,
            max_waiting_per_client=max_waiting_per_client,
            deadline=deadline,
            max_deadline=max_deadline,
        ),
    )

    from seal_sdk.serving.http.server import address, listen, serve
    from seal_sdk.serving.http.service import Service

    def load() -> IdentitySession:
        more = {"images_per_forward": images_per_forward, "enable_progress_bar": False}
        return model.open(store_location(root), preset=preset, **more)

    with listen(host, port) as listening:
        start_log(log_prompts)
        click.echo(f"Listening on {address(listening)} (what it takes: {address(listening)}/docs)")
        serve(Service(settings), load, listening)


def all_tokens(given: tuple[str, ...], file: Path | None) -> tuple[str, ...]:
    """Those of the options, of the file, and of the environment."""
    lines = file.read_text().splitlines() if file else []
    listed = os.environ.get(TOKENS_VARIABLE, "").replace(",", " ").split()
    return tuple(dict.fromkeys([*given, *(line.strip() for line in lines if line.strip()), *listed]))


def model_name(model: str) -> str:
    """What answers call a model: never the folder that it lies in."""
    path = Path(model).expanduser()
    return path.resolve().name if path.exists() else model


def start_log(with_warnings: bool) -> None:
    """Lines on stderr. with_warnings: also Python's warnings, which may quote a prompt."""
    import logging
    import warnings

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    for name in ("uvicorn", "httpx", "urllib3"):
        logging.getLogger(name).setLevel(logging.WARNING)
    if not with_warnings:
        warnings.simplefilter("ignore")
