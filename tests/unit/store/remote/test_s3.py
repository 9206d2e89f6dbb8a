"""Real S3, spoken to a server on this machine, through a proxy that fails as networks and clouds do."""

from __future__ import annotations

import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest
from fixtures.remote_identity import holds, put

from store import IdentityStore, Remote, RemoteError

pytest.importorskip("obstore")
moto_server = pytest.importorskip("moto.server")


class Proxy(BaseHTTPRequestHandler):
    """Hands requests on to the S3 server; ``faults`` maps a method to the faults of its next requests."""

    protocol_version = "HTTP/1.1"
    upstream: int
    faults: ClassVar[dict[str, list[str]]] = {}
    lock = threading.Lock()

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with self.lock:
            waiting = self.faults.get(self.command, [])
            fault = waiting.pop(0) if waiting else ""
        if fault == "500":
            self._answer(500, {}, b"<Error><Code>InternalError</Code></Error>")
            return
        if fault == "hang up":
            self.close_connection = True
            self.connection.close()
            return
        upstream = http.client.HTTPConnection("127.0.0.1", self.upstream, timeout=30)
        upstream.request(self.command, self.path, body, dict(self.headers.items()))
        answer = upstream.getresponse()
        data = answer.read()
        headers = {
            key: value for key, value in answer.getheaders() if key.lower() not in ("content-length", "connection")
        }
        self._answer(answer.status, headers, data, cut=fault == "cut", length=answer.getheader("Content-Length"))

    def _answer(self, status: int, headers: dict, data: bytes, *, cut: bool = False, length: str | None = None) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", length or str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data[: len(data) // 2] if cut else data)
        if cut:
            self.close_connection = True
            self.connection.close()

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = handle_any  # the names that the base class looks for

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture(scope="module")
def s3():
    """The proxy's port, in front of a fresh S3 server with the bucket ``bucket``."""
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, Proxy.upstream = server.get_host_and_port()
    connection = http.client.HTTPConnection("127.0.0.1", Proxy.upstream)
    connection.request(
        "PUT", "/bucket", headers={"Authorization": "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/s3/aws4_request"}
    )
    assert connection.getresponse().status == 200
    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    yield proxy.server_address[1]
    proxy.shutdown()
    server.stop()


@pytest.fixture
def cloud(s3, quick_disk, monkeypatch, request) -> Remote:
    for key, value in {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{s3}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(key, value)
    Proxy.faults = {}
    return Remote(f"s3://bucket/{request.node.name}")


def test_an_identity_travels_over_s3(tmp_path, cloud):
    here, there = IdentityStore(tmp_path / "here"), IdentityStore(tmp_path / "there")
    put(here)
    here.push("tiger", cloud)
    assert here.push("tiger", cloud).moved_blobs == 0
    there.pull("tiger", cloud)
    assert holds(there.resolve("tiger")) and there.verify().ok


def test_only_the_first_creates(cloud):
    assert cloud.write("recipes/x", b"first", create=True)
    assert not cloud.write("recipes/x", b"second", create=True)
    assert cloud.read("recipes/x") == b"first" and cloud.read("nothing") is None and cloud.size("nothing") is None


@pytest.mark.parametrize("fault", ["500", "hang up"])
def test_passing_faults_are_ridden_out(tmp_path, cloud, fault):
    here, there = IdentityStore(tmp_path / "here"), IdentityStore(tmp_path / "there")
    put(here)
    Proxy.faults = {"PUT": [fault, "", fault], "HEAD": [fault], "GET": [fault]}
    here.push("tiger", cloud)
    Proxy.faults = {"GET": ["", fault, "", fault]}
    there.pull("tiger", cloud)
    assert holds(there.resolve("tiger")) and there.verify().ok


def test_a_cut_body_never_becomes_a_blob(tmp_path, cloud):
    here, there = IdentityStore(tmp_path / "here"), IdentityStore(tmp_path / "there")
    put(here)
    here.push("tiger", cloud)
    Proxy.faults = {"GET": ["", "", "", "cut"]}
    try:
        there.pull("tiger", cloud)
    except RemoteError:
        assert not there.identities()
    assert there.verify().ok
    Proxy.faults = {}
    there.pull("tiger", cloud)
    assert holds(there.resolve("tiger"))


def test_a_bucket_that_is_not_there_says_so(tmp_path, cloud):
    here = IdentityStore(tmp_path / "here")
    put(here)
    with pytest.raises(RemoteError, match=r"credentials|bucket"):
        here.push("tiger", Remote("s3://nowhere/prefix"))
