"""Images by URL: what a web server serves well is read, and all else is refused in words, soon."""

from __future__ import annotations

import time

import numpy as np
import pytest
from fixtures.web import png, serving
from PIL import Image

from seal_sdk.errors import ImageError
from seal_sdk.images import download, fetch_images, image_batch, read_image, read_mask

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)


@pytest.fixture(autouse=True)
def without_proxies(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "SEAL_OFFLINE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def web():
    mask = np.zeros((20, 30), np.uint8)
    mask[5:, :9] = 255
    files = {"cat.png": png(Image.fromarray(PIXELS)), "mask.png": png(Image.fromarray(mask)), "empty": b""}
    with serving(files) as web:
        yield web


@pytest.mark.parametrize("path", ["cat.png", "cat.png?size=2", "moved/cat.png", "moved/moved/cat.png"])
def test_a_picture_is_read_wherever_it_moved(web, path):
    assert np.array_equal(np.asarray(read_image(web.url(path))), PIXELS)


def test_masks_are_read_too(web):
    assert read_mask(web.url("mask.png")).sum() == 15 * 9


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("none.png", "the server answers 404 Not Found"),
        ("page", "is text/html, not an image"),
        ("empty", "is not an image that Pillow can read"),
        ("huge", "is larger than 64 MiB"),
        ("loop", "redirected more than 10 times"),
        ("cut", "the connection broke off"),
    ],
)
def test_what_is_no_picture_is_refused_in_words(web, path, told):
    with pytest.raises(ImageError, match=f"^Image '{web.url(path)}'.*{told}"):
        read_image(web.url(path) + "?key=secret")


def test_an_endless_body_is_cut(web, monkeypatch):
    monkeypatch.setattr(download, "MAX_BYTES", 2**20)
    with pytest.raises(ImageError, match="larger than 1 MiB"):
        read_image(web.url("endless"))


def test_a_redirect_is_followed_without_reading_its_endless_body(web, monkeypatch):
    monkeypatch.setattr(download, "MAX_SECONDS", 10.0)
    assert np.array_equal(np.asarray(read_image(web.url("endlessly-moved/cat.png"))), PIXELS)


def test_a_body_that_drips_is_given_up(web, monkeypatch):
    monkeypatch.setattr(download, "MAX_SECONDS", 0.5)
    began = time.monotonic()
    with pytest.raises(ImageError, match=r"did not arrive within 0\.5 seconds"):
        read_image(web.url("slow"))
    assert time.monotonic() - began < 5


def test_a_server_that_is_not_there_is_told_without_secrets():
    with pytest.raises(ImageError, match="cannot be reached") as caught:
        read_image("http://me:word@127.0.0.1:9/cat.png?key=secret")
    assert "'http://127.0.0.1:9/cat.png'" in str(caught.value)
    assert "secret" not in str(caught.value) and "word" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://", "https://[cat", "http://a b/c.png", "http://cat.invalid/c.png?key=secret"])
def test_an_address_that_is_none_is_refused_in_words(url):
    with pytest.raises(ImageError, match="could not be fetched") as caught:
        read_image(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("value", "offline"), [("1", True), ("yes", True), ("0", False), ("", False), ("off", False)])
def test_seal_offline_refuses_before_anything_is_asked(web, monkeypatch, value, offline):
    monkeypatch.setenv("SEAL_OFFLINE", value)
    before = web.asked["cat.png"]
    if offline:
        with pytest.raises(ImageError, match="SEAL_OFFLINE is set"):
            read_image(web.url("cat.png"))
    else:
        read_image(web.url("cat.png"))
    assert web.asked["cat.png"] == before + (not offline)


def test_a_batch_fetches_each_url_once(web):
    before, url = web.asked["cat.png"], web.url("cat.png")
    first, other, again = fetch_images([url, PIXELS, str(url)])
    assert web.asked["cat.png"] == before + 1
    assert first is again and other is PIXELS and np.array_equal(np.asarray(first), PIXELS)


def test_one_or_many_are_a_list():
    torch = pytest.importorskip("torch")
    many, stack = np.zeros((3, 4, 5, 3)), torch.zeros(2, 3, 4, 5)
    assert [each.shape for each in image_batch(many)] == [(4, 5, 3)] * 3
    assert [tuple(each.shape) for each in image_batch(stack)] == [(3, 4, 5)] * 2
    assert [each.shape for each in image_batch(PIXELS)] == [PIXELS.shape]
    assert image_batch(["a", None]) == ["a", None] and image_batch(None) == [None]
    with pytest.raises(ImageError, match="one image is taken, not a list"):
        read_image(["cat.png"])
