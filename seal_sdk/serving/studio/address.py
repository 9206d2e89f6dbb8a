"""Where the page is served. A port that is taken is told before a model is loaded."""

from __future__ import annotations

import socket

from seal_sdk.errors import ConfigError


def free_port(host: str, port: int) -> int:
    """The port, or a free one for 0. Raises ConfigError where nothing can listen there."""
    try:
        with socket.create_server((host, port)) as server:
            return int(server.getsockname()[1])
    except OSError as error:
        raise ConfigError(
            f"Nothing can listen at host={host!r}, port={port}: {error.strerror}. Choose another port, or 0 for a free one."
        ) from error
