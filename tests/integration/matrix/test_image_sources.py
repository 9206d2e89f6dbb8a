"""Everywhere an image is taken it may be a URL, an array or a tensor, alone or in a batch, and draws what the file draws."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from fixtures.web import png, serving
from PIL import Image

from seal_sdk import Appearance, IdentitySession
from seal_sdk.cli.main import seal
from seal_sdk.errors import ImageError

BOX = (20.0, 20.0, 100.0, 110.0)
HOW = dict(prompt="a photo of a cat", timesteps=1)
STEPS = dict(num_inference_steps=1, guidance_scale=4.0, height=64, width=64, appearance=Appearance(tau=-1.0))


@pytest.fixture(scope="module")
def mask():
    marked = np.zeros((128, 128), np.uint8)
    marked[30:100, 40:90] = 255
    return Image.fromarray(marked)


@pytest.fixture(scope="module")
def web(reference_image, structure_image, mask):
    files = {"a%20cat.png": reference_image, "mesh.png": structure_image, "mask.png": mask}
    with serving({name: png(image) for name, image in files.items()}) as web:
        yield web


@pytest.fixture
def session(tiny_pipeline, tmp_path, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "SEAL_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    with IdentitySession(tiny_pipeline(), store=tmp_path / "store", enable_progress_bar=False) as session:
        yield session


def test_urls_draw_what_files_draw(session, web, reference_image, structure_image, mask):
    identity = session.register(web.url("a%20cat.png?key=1"), mask=web.url("mask.png"), **HOW)
    assert identity.name == "a-20cat"
    assert session.register(reference_image, name="cat", mask=mask, **HOW).digest == identity.digest
    given = dict(identity="cat", seed=3, **STEPS)
    ours = session.generate(web.url("mesh.png"), "a red cat", structure_mask=web.url("mask.png"), **given)
    theirs = session.generate(structure_image, "a red cat", structure_mask=mask, **given)
    assert ours.image.tobytes() == theirs.image.tobytes()
    both = session.generate(
        None, "two cats", **{**given, "identity": {"cat": web.url("mask.png")}, "width": 128, "height": 128}
    )
    assert both.coverage[0] > 0


def test_a_batch_of_any_form_draws_what_single_calls_draw(session, web, reference_image, structure_image, mask):
    session.register(reference_image, name="cat", box=BOX, **HOW)
    other = structure_image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    alone = [
        session.generate(image, "a red cat", structure_mask=mask, seed=seed, **STEPS).image.tobytes()
        for image, seed in ((structure_image, 1), (other, 2))
    ]
    arrays = np.stack([np.asarray(structure_image), np.asarray(other)])
    tensors = torch.from_numpy(arrays).permute(0, 3, 1, 2) / 255
    masks = torch.from_numpy(np.asarray(mask).copy())[None, None].expand(2, -1, -1, -1) / 255
    forms = [
        (arrays, mask),
        (tensors, masks),
        ([arrays[:1] / 255, tensors[1]], masks),
        ([web.url("mesh.png"), other], mask),
    ]
    for batch, marked in forms:
        drawn = session.generate(batch, "a red cat", structure_mask=marked, seed=[1, 2], **STEPS)
        assert [image.tobytes() for image in drawn.images] == alone


def test_a_url_that_fails_is_told_before_the_model_works(session, web, reference_image):
    rows = []
    session.pipe.unet.register_forward_pre_hook(lambda *_: rows.append(1))
    with pytest.raises(ImageError, match=r"none\.png.*404"):
        session.register(web.url("none.png"), box=BOX, **HOW)
    with pytest.raises(ImageError, match=r"none\.png.*404"):
        session.register(reference_image, mask=web.url("none.png"), **HOW)
    assert not rows
    session.register(reference_image, name="cat", box=BOX, **HOW)
    rows.clear()
    for given in ([web.url("none.png"), None], [web.url("mesh.png"), web.url("none.png")]):
        with pytest.raises(ImageError, match=r"none\.png.*404"):
            session.generate([web.url("mesh.png"), given[0]], "a cat", structure_mask=given[1], **STEPS)
    assert not rows


def test_the_command_line_takes_urls(session, web, tmp_path):
    session.pipe.save_pretrained(tmp_path / "model")
    where = ["--model", str(tmp_path / "model"), "--store", str(tmp_path / "store")]

    def run(*words, code=0):
        done = CliRunner().invoke(seal, [*words, *where])
        assert done.exit_code == code, done.output
        return done.output

    call = ("register", web.url("a%20cat.png"), "--name", "cat", "--prompt", "a cat", "--timesteps", "1")
    assert "registered" in run(*call, "--mask", web.url("mask.png"))
    out, maps = str(tmp_path / "out.png"), str(tmp_path / "maps.png")
    structure = ("--structure", web.url("mesh.png"), "--structure-mask", web.url("mask.png"))
    run("generate", "cat", "--prompt", "a red cat", "-o", out, "--steps", "1", "--seed", "1", *structure)
    assert "differs" not in run("explain", out, "-o", maps, *structure)
    assert "404" in run(
        "generate", "cat", "--prompt", "x", "-o", maps, "-y", "--structure", web.url("none.png"), code=2
    )


def test_the_command_lines_structure_mask_is_the_sessions(session, tmp_path, reference_image, structure_image, mask):
    session.pipe.save_pretrained(tmp_path / "model")
    mask.save(tmp_path / "mask.png")
    structure_image.save(tmp_path / "mesh.png")
    out = str(tmp_path / "out.png")
    words = ["generate", "cat", "--prompt", "a red cat", "--steps", "1", "--seed", "1", "-o", out, "--model"]
    files = ["--structure", str(tmp_path / "mesh.png"), "--structure-mask", str(tmp_path / "mask.png")]
    with IdentitySession(tmp_path / "model", store=session.store, enable_progress_bar=False) as loaded:
        loaded.register(reference_image, name="cat", box=BOX, **HOW)
        given = dict(structure_mask=mask, seed=1, num_inference_steps=1)
        drawn = loaded.generate(structure_image, "a red cat", **given)
    done = CliRunner().invoke(seal, [*words, str(tmp_path / "model"), "--store", str(tmp_path / "store"), *files])
    assert done.exit_code == 0, done.output
    assert Image.open(out).tobytes() == drawn.image.tobytes()
