"""What a service allows, and whom. Nothing here imports a web library or a model's."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address

from seal_sdk.errors import ConfigError

MB = 2**20


@dataclass(frozen=True)
class Limits:
    """What a request, and a client, may ask for. Raises ConfigError unless all are above 0.

    request_bytes: of a request's body. image_pixels: of one image that is sent. held_bytes: of all requests that wait, and their images.
    pixels, steps: of an image to draw. images: of one request. prompt_length: in characters.
    requests_per_minute: that change something, of one client. max_waiting, max_waiting_per_client: jobs in the queue.
    deadline, max_deadline: seconds in which a job is done where its client says none, and that it may say at most.
    keep_seconds: how long a finished job, and an Idempotency-Key, can be asked for.
    """

    request_bytes: int = 32 * MB
    image_pixels: int = 24_000_000
    held_bytes: int = 1024 * MB
    pixels: int = 2048 * 2048
    steps: int = 150
    images: int = 10
    prompt_length: int = 4000
    requests_per_minute: float = 600
    max_waiting: int = 256
    max_waiting_per_client: int = 64
    deadline: float = 600
    max_deadline: float = 3600
    keep_seconds: float = 3600

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                raise ConfigError(f"{name}={value!r}: expected a number above 0.")
        if self.deadline > self.max_deadline:
            raise ConfigError(f"deadline={self.deadline:g} is above max_deadline={self.max_deadline:g}.")


@dataclass(frozen=True)
class ServiceSettings:
    """Where the service listens, who may use it, and what of requests it does.

    model: its name in answers. tokens: of clients; without any the service listens on this machine alone.
    grace: seconds in which accepted jobs are finished after SIGTERM. allow_urls: whether images are fetched from addresses in requests.
    log_prompts: whether prompts are written to the log.
    Raises ConfigError for values that nothing can listen with, and for a public address without a token.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    model: str = "pocket"
    tokens: tuple[str, ...] = ()
    grace: float = 120
    allow_urls: bool = False
    log_prompts: bool = False
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ConfigError(f"port={self.port!r}: expected 0 to 65535 (0: any that is free).")
        if not self.grace >= 0:
            raise ConfigError(f"grace={self.grace!r}: expected seconds >= 0.")
        for token in self.tokens:
            if not token or not token.isascii() or any(each.isspace() for each in token):
                raise ConfigError(
                    "A token is empty, or holds a space or a character beyond ASCII: headers cannot carry it."
                )
        if not self.tokens and not is_loopback(self.host):
            raise ConfigError(
                f"host={self.host!r} is open to other machines, and there is no token: give --token-file or SEAL_TOKENS, or listen on "
                "127.0.0.1."
            )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a service that listens on this name or address."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"
