"""A service over a scripted session, and a client of its app that needs no socket."""

from __future__ import annotations

import pytest
from fixtures.http_client import client_of
from fixtures.service_session import ServiceSession

from seal_sdk.serving.http.app import make_app
from seal_sdk.serving.http.service import Service
from seal_sdk.serving.http.settings import ServiceSettings


@pytest.fixture
def session(tmp_path, quick_disk):
    return ServiceSession(tmp_path / "store")


@pytest.fixture
def paced(tmp_path, quick_disk):
    """A session whose steps the test allows."""
    session = ServiceSession(tmp_path / "store", paced=True)
    yield session
    session.allow(10_000)


@pytest.fixture
def start():
    """start(session, ...settings): a service, closed at the end, and its app."""
    services = []

    def start(session, **settings):
        service = Service(ServiceSettings(**settings))
        services.append(service)
        if session is not None:
            service.open(session)
        return service, make_app(service)

    yield start
    for service in services:
        if service._engine is not None and hasattr(service.session, "allow"):
            service.session.allow(10_000)
        service.close()


@pytest.fixture
async def client(session, start):
    async with client_of(start(session)[1]) as client:
        yield client
