"""Reading images: every form that people have, and every broken one refused by name."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from seal_sdk.errors import ImageError
from seal_sdk.images import fit, read_image

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)


def encoded(image, form="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def test_every_kind_of_source_gives_the_same_pixels(tmp_path):
    image = Image.fromarray(PIXELS)
    path = tmp_path / "a.png"
    image.save(path)
    for source in (path, str(path), image, PIXELS, encoded(image), io.BytesIO(encoded(image)), PIXELS / 255.0):
        assert np.array_equal(np.asarray(read_image(source)), PIXELS)


def test_tensors_and_batches_of_one_give_the_same_pixels():
    first = torch.from_numpy(PIXELS).permute(2, 0, 1)
    exact = first / 255
    sources = [first, exact, exact[None], exact.double(), exact.clone().requires_grad_(), exact.permute(1, 2, 0)]
    for source in (*sources, PIXELS[None], PIXELS[None] / 255):
        assert np.array_equal(np.asarray(read_image(source)), PIXELS)
    grey = torch.tensor([[0.0, 0.5, 1.0]])
    for source in (grey, grey[None], grey[None, None], grey.half(), grey.bfloat16()):
        assert np.asarray(read_image(source))[0, :, 0].tolist() == [0, 128, 255]
    assert read_image(torch.zeros(4, 5, 6)).getpixel((0, 0)) == (255, 255, 255)  # RGBA: transparent


def test_alpha_goes_over_white():
    clear = np.zeros((4, 4, 4), np.uint8)
    clear[0, 0] = (10, 20, 30, 255)
    read = np.asarray(read_image(Image.fromarray(clear)))
    assert tuple(read[0, 0]) == (10, 20, 30) and tuple(read[3, 3]) == (255, 255, 255)
    palette = Image.new("P", (2, 2), 0)
    palette.putpalette([0, 0, 0, 9, 9, 9])
    assert tuple(np.asarray(read_image(encoded(palette, transparency=0)))[0, 0]) == (255, 255, 255)
    grey = Image.fromarray(np.array([[[0, 0], [100, 255]]], np.uint8), "LA")
    assert np.asarray(read_image(grey))[0, :, 0].tolist() == [255, 100]


def test_sixteen_bits_are_scaled_not_clipped():
    grey = Image.fromarray(np.array([[0, 257 * 100, 65535]], np.uint16))
    assert np.asarray(read_image(encoded(grey)))[0, :, 0].tolist() == [0, 100, 255]


def test_cmyk_exif_and_profiles():
    assert read_image(encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG")).getpixel((4, 4))[0] > 200
    turned = Image.new("RGB", (30, 10), "red")
    exif = turned.getexif()
    exif[0x0112] = 6
    assert read_image(encoded(turned, "JPEG", exif=exif)).size == (10, 30)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert np.array_equal(np.asarray(read_image(encoded(Image.fromarray(PIXELS), icc_profile=profile))), PIXELS)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (encoded(Image.fromarray(PIXELS))[:-60], "broken or truncated"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not an image"),
        (b"", "not an image"),
        (np.zeros((0, 5, 3), np.uint8), "no pixels"),
        (np.full((4, 4, 3), np.nan), "NaN"),
        (np.full((4, 4, 3), 7.0), r"\[0, 1\]"),
        (np.full((4, 4), 255), "int64"),
        (np.ones((4, 4), complex), "complex"),
        (np.array([[None]]), "object"),
        (np.array([["a"]]), "<U1"),
        (np.zeros((4, 4, 2), np.uint8), "shape"),
        (np.zeros((3, 64, 64), np.float32), "shape"),
        (np.zeros((2, 64, 64, 3), np.float32), "shape.*list"),
        (torch.zeros(2, 3, 64, 64), "shape.*list"),
        (torch.full((3, 4, 4), -1.0), r"\[0, 1\]"),
        (torch.full((3, 4, 4), float("inf")), "infinity"),
        (torch.zeros(3, 4, 4, dtype=torch.int64), "int64"),
        (Image.new("L", (20_000, 4)), "20000x4"),
        (encoded(Image.fromarray(np.full((4, 4), 200, np.float32)), "TIFF"), "given as bytes holds floats from 200"),
        (encoded(Image.fromarray(np.full((4, 4), 70_000, np.int32)), "TIFF"), "given as bytes holds integers"),
        (encoded(Image.fromarray(PIXELS), "EPS"), "PostScript"),
        (io.StringIO("text"), "not an image"),
        (12, "expected a path"),
        ("nowhere.png", "nowhere.png"),
    ],
)
def test_bad_images_are_refused_and_named(source, says):
    with pytest.raises(ImageError, match=says):
        read_image(source)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP"])
def test_damaged_files_are_read_or_refused_but_nothing_else(form):
    rng, whole = np.random.default_rng(0), encoded(Image.fromarray(PIXELS), form)
    for _ in range(60):
        damaged = bytearray(whole)
        for position in rng.integers(0, min(len(whole), 200), size=rng.integers(1, 10)):
            damaged[position] = rng.integers(256)
        try:
            assert read_image(bytes(damaged[: rng.integers(1, 2 * len(whole))])).mode == "RGB"
        except ImageError as error:
            assert "given as bytes" in str(error)


@pytest.mark.parametrize("raised", [RuntimeError, IndexError, EOFError, MemoryError])
def test_whatever_a_decoder_raises_is_an_image_error(monkeypatch, raised):
    image = Image.fromarray(PIXELS)

    def load():
        raise raised("decoder")

    monkeypatch.setattr(image, "load", load)
    with pytest.raises(ImageError, match="given as Image is broken"):
        read_image(image)


def test_a_decompression_bomb_is_refused(tmp_path):
    path = tmp_path / "bomb.png"
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 1, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks)
    )
    with pytest.raises(ImageError, match=r"bomb\.png.*too large"):
        read_image(path)


def test_an_empty_file_and_a_text_file_are_refused(tmp_path):
    empty, text = tmp_path / "empty.png", tmp_path / "text.png"
    empty.touch()
    text.write_text("hello")
    for path in (empty, text):
        with pytest.raises(ImageError, match=path.name):
            read_image(path)


def test_fit_covers_and_crops_around_the_centre():
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, 10:20] = 255
    assert (np.asarray(fit(Image.fromarray(wide), (10, 10)))[:, 1:9] == 255).all()
