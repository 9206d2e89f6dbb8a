"""Images of requests: no path is opened, nothing too large is decoded, and no address inside is asked."""

import base64
import io
import socket
import zlib

import numpy as np
import pytest
from fixtures.http_client import base64_of, png
from PIL import Image

from seal_sdk.errors import ImageError
from seal_sdk.serving.http import public_addresses
from seal_sdk.serving.http.public_addresses import connect, fetch_public, is_public
from seal_sdk.serving.http.uploads import ImageReader, painted_where_transparent

READER = ImageReader(most_pixels=10_000)


def bomb(width, height):
    """A PNG that says it has so many pixels, and holds few bytes."""

    def chunk(kind, data):
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x02\0\0\0"
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("start", ["", "data:image/png;base64,", "DATA:;base64,"])
def test_base64_and_data_urls_are_read(start):
    assert READER.from_text(start + base64_of(png()), "structure").getpixel((3, 3)) == (255, 0, 0)


@pytest.mark.parametrize(
    "text", ["/etc/passwd", "cat.png", "file:///etc/passwd", "~/cat.png", "data:text/plain,abc", "AAA"]
)
def test_paths_are_not_opened(text, tmp_path, monkeypatch):
    (tmp_path / "cat.png").write_bytes(png())
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ImageError, match=r"structure: expected an image as base64|structure is no image"):
        READER.from_text(text, "structure")


def test_what_is_too_large_is_not_decoded(monkeypatch):
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("it was decoded"))
    with pytest.raises(ImageError, match=r"image is too large: 20000x10000; at most 10000 pixels|image is too large"):
        READER.from_bytes(bomb(20_000, 10_000), "image")
    with pytest.raises(ImageError, match="image is too large: 101x100"):
        READER.from_bytes(bomb(101, 100), "image")


def test_other_formats_and_broken_files_are_refused():
    tiff = io.BytesIO()
    Image.new("RGB", (4, 4)).save(tiff, "TIFF")
    for data in (tiff.getvalue(), b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", b"", b"nonsense"):
        with pytest.raises(ImageError, match="PNG, JPEG or WebP"):
            READER.from_bytes(data, "image")
    with pytest.raises(ImageError, match="broken or truncated"):
        READER.from_bytes(bomb(50, 50), "image")


def test_what_is_transparent_in_openais_mask_is_painted():
    mask = Image.new("RGBA", (4, 2), (9, 9, 9, 255))
    mask.putpixel((1, 1), (9, 9, 9, 0))
    mask.putpixel((2, 1), (9, 9, 9, 55))
    white = np.asarray(painted_where_transparent(mask))
    assert white.tolist() == [[0, 0, 0, 0], [0, 255, 200, 0]]
    with pytest.raises(ImageError, match="no transparency"):
        painted_where_transparent(Image.new("L", (4, 4)))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "172.16.5.5", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "255.255.255.255", "198.18.0.1", "::1", "::", "fe80::1%eth0", "fd00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
        "64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:1::",
    ],
)  # fmt: skip
def test_addresses_inside_are_known(address):
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["93.184.215.14", "8.8.8.8", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::ffff:8.8.8.8"]
)
def test_public_addresses_are_known(address):
    assert is_public(address)


def test_addresses_are_asked_only_where_it_is_allowed():
    with pytest.raises(ImageError, match="fetches no addresses"):
        READER.from_text("http://example.org/cat.png", "structure")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0", "2130706433", "127.1"])
def test_no_address_inside_is_fetched(host):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.01)
        url = f"http://{host}:{listening.getsockname()[1]}/cat.png"
        with pytest.raises(ImageError, match="not on the public internet"):
            ImageReader(10_000, allow_urls=True).from_text(url, "structure")
        with pytest.raises(TimeoutError):
            listening.accept()


def test_a_host_with_one_address_inside_is_refused(monkeypatch):
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, 80)) for each in ("8.8.8.8", "10.0.0.1")]
    monkeypatch.setattr(public_addresses.socket, "getaddrinfo", lambda *_, **__: found)
    monkeypatch.setattr(public_addresses.socket, "socket", lambda *_: pytest.fail("it was connected to"))
    with pytest.raises(ImageError, match=r"example\.org is not on the public internet"):
        connect("example.org", 80, 1)


def test_the_address_that_was_checked_is_the_one_that_is_used_and_redirects_inside_are_refused(monkeypatch):
    """A name that is public when it is looked up first is not looked up again; a redirect is a lookup of its own."""
    looked_up = []
    answers = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\n\r\n",
    ]
    with socket.create_server(("127.0.0.1", 0)) as listening:
        there = (socket.AF_INET, socket.SOCK_STREAM, 6, "", listening.getsockname())

        def look_up(host, *_, **__):
            looked_up.append(host)
            return [there]

        public = lambda address: len(looked_up) != 3  # noqa: E731  # the third name is inside
        monkeypatch.setattr(public_addresses.socket, "getaddrinfo", look_up)
        monkeypatch.setattr(public_addresses, "is_public", public)
        from threading import Thread

        def serve():
            for answer in answers:
                with listening.accept()[0] as connection:
                    connection.recv(4096)
                    connection.sendall(answer)

        Thread(target=serve, daemon=True).start()
        assert fetch_public("http://example.org/cat.png", "structure") == b"abc" and looked_up == ["example.org"]
        with pytest.raises(ImageError, match="not on the public internet"):
            fetch_public("http://example.org/other.png", "structure")
    assert looked_up == ["example.org", "example.org", "127.0.0.1"]


def test_base64_of_something_else_is_no_image():
    with pytest.raises(ImageError, match="PNG, JPEG or WebP"):
        READER.from_text(base64.b64encode(b"/etc/passwd").decode(), "structure")
