"""``seal show``: the settings in a PNG."""

from __future__ import annotations

from pathlib import Path

import click

from seal_sdk.cli.options import json_option
from seal_sdk.cli.output import print_json, print_settings


@click.command("show")
@click.argument("image", type=click.Path(path_type=Path))
@json_option
def command(image: Path, as_json: bool) -> None:
    """Show the settings with which a PNG was drawn."""
    from seal_sdk.images import read_settings  # imported here because it loads Pillow

    settings = read_settings(image)
    if as_json:
        print_json(settings)
    else:
        print_settings(settings)
