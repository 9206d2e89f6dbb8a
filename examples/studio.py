"""Open the studio on a session of your own: the same page as `seal studio`, beside whatever else your program does."""

from __future__ import annotations

import argparse
from pathlib import Path
from threading import Event

from seal_sdk import IdentitySession
from seal_sdk.serving.engine import Engine
from seal_sdk.serving.studio.app import serving


def main() -> None:
    """Serve the page until Ctrl-C, or for so many seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, default=None)
    parser.add_argument("--port", type=int, default=7860)
    parser.add_argument("--seconds", type=float, default=None)
    arguments = parser.parse_args()

    with (
        IdentitySession("pocket", store=arguments.store, enable_progress_bar=False) as session,
        Engine(session) as engine,
        serving(engine, port=arguments.port) as address,
    ):
        print(f"The studio is at {address}")
        Event().wait(arguments.seconds)


if __name__ == "__main__":
    main()
