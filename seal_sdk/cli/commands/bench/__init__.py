"""``seal bench``: measure the method; one module per subcommand. Torch is imported only when one runs."""

from __future__ import annotations

import click

from seal_sdk.cli.lazy import LazyGroup


@click.group(
    "bench",
    cls=LazyGroup,
    package=__name__,
    commands=(
        "ablations",
        "folder",
        "growth",
        "pairs",
        "paper-claims",
        "quality",
        "references",
        "speed",
        "split",
        "systems",
    ),
)
def command() -> None:
    """Measure the method against the true pictures of the embedded model's world, by the paper's metrics (folder), or its costs."""
