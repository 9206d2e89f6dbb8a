"""Running a service: it listens at once, loads its model beside, and finishes what it accepted before it ends."""

from __future__ import annotations

import logging
import os
import signal
import socket
from collections.abc import Callable
from threading import Thread
from types import FrameType
from typing import TYPE_CHECKING

import uvicorn

from seal_sdk.errors import ConfigError
from seal_sdk.serving.http.app import make_app
from seal_sdk.serving.http.service import Service

if TYPE_CHECKING:
    from seal_sdk.session import IdentitySession

BACKLOG = 2048
CLOSING = 10  # seconds in which answers that are ready are sent

logger = logging.getLogger("seal.service")


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens, before anything expensive is done. Raises ConfigError where it cannot."""
    name = host.strip("[]")
    family = socket.AF_INET6 if ":" in name else socket.AF_INET
    try:
        return socket.create_server((name, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise ConfigError(
            f"Cannot listen on {host}, port {port}: {error.strerror}. Give another --port or --host."
        ) from error


def address(listening: socket.socket) -> str:
    """The URL of a socket that listens."""
    host, port, *_ = listening.getsockname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(service: Service, load: Callable[[], IdentitySession], listening: socket.socket) -> None:
    """Serve until a signal says to end. load: makes the session, in a thread. Raises what that raises."""
    config = uvicorn.Config(
        make_app(service),
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,  # a client is its address: nobody says so himself
        server_header=False,
        timeout_graceful_shutdown=CLOSING,
    )
    server = DrainingServer(config, service)
    loader = _Loader(service, load, server)
    loader.start()
    server.run(sockets=[listening])
    loader.join(service.settings.grace)
    service.close()
    loader.close()


class _Loader(Thread):
    """Loads the session while the server listens already. Where it fails, the server ends."""

    def __init__(self, service: Service, load: Callable[[], IdentitySession], server: DrainingServer) -> None:
        super().__init__(name="seal-load", daemon=True)
        self._service, self._load, self._server = service, load, server
        self._session: IdentitySession | None = None
        self._error: BaseException | None = None

    def run(self) -> None:
        """Load it."""
        try:
            self._session = self._load()
            self._service.open(self._session)
            logger.info("ready to draw with %s", self._service.settings.model)
        except BaseException as error:  # `close` raises it where the command waits
            self._error = error
            self._server.should_exit = True

    def close(self) -> None:
        """Close the session. Raises what loading raised."""
        if self._session is not None:
            self._session.close()
        if self._error is not None:
            raise self._error


class DrainingServer(uvicorn.Server):
    """uvicorn's server, which finishes the jobs that the service accepted before it ends. A second signal ends it at once."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service, self._signalled = service, False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal: drain beside, since the event loop goes on answering."""
        if self._signalled:
            os._exit(128 + sig)  # whatever the model is doing; the store is whole after any end
        self._signalled = True
        Thread(target=self._drain, args=(signal.Signals(sig).name,), name="seal-drain", daemon=True).start()

    def _drain(self, name: str) -> None:
        grace = self._service.settings.grace
        logger.info("%s: finishing what was accepted, for at most %g s; again to end at once", name, grace)
        if not self._service.drain(grace):
            logger.warning("not all was finished within %g s", grace)
        self.should_exit = True
