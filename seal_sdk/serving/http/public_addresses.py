"""Fetching from public addresses alone, so that no request makes the service look into its own network (SSRF)."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from seal_sdk.errors import ImageError
from seal_sdk.images.download import fetch

TRANSLATED = tuple(
    map(ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32"))
)  # they hold IPv4 addresses


def fetch_public(url: str, what: str) -> bytes:
    """As `fetch`, of public addresses alone: of each redirect, too. Raises ImageError for others."""
    return fetch(url, what, PublicAdapter())


def is_public(address: str) -> bool:
    """Whether an address is on the internet: not private, loopback, link-local, reserved or multicast, nor such a one in disguise."""
    ip: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        ip = ip.ipv4_mapped or ip
        if any(ip in network for network in TRANSLATED if ip.version == network.version):
            return False
    return ip.is_global and not ip.is_multicast


def connect(host: str, port: int, timeout: float | None) -> socket.socket:
    """Connect to the first address of a host that answers, where all are public. The checked address is the one that is used.

    Raises ImageError for a host with another address, and OSError where none answers.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    if not found or not all(is_public(str(address[0])) for *_, address in found):
        raise ImageError(f"{host} is not on the public internet, and nothing is fetched from there.")
    failed: OSError = OSError("no address")
    for family, kind, protocol, _, address in found:
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(timeout)
            connection.connect(address)
        except OSError as error:
            connection.close()
            failed = error
        else:
            return connection
    raise failed


class _Public:
    """A connection of urllib3's that opens its socket here. TLS, which checks the certificate against the name, stays urllib3's."""

    host: str
    port: int
    timeout: Any

    def _new_conn(self) -> socket.socket:
        limit = self.timeout if isinstance(self.timeout, (int, float)) else None
        return connect(self.host, self.port, limit)


class _PublicHTTP(_Public, HTTPConnection):
    pass


class _PublicHTTPS(_Public, HTTPSConnection):
    pass


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _PublicHTTP


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _PublicHTTPS


class PublicAdapter(HTTPAdapter):
    """requests' adapter with connections to public addresses alone."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """As requests', with pools of such connections."""
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}
