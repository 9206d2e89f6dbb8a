"""The examples run as they stand, and stay short."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(monkeypatch, name, *arguments):
    monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("register_and_generate.py", {"example.png"}),
        ("batch_of_poses.py", {"mesh.png", "depth.png", "pose.png"}),
        ("bring_your_own_pipeline.py", {"mine-0.png", "mine-1.png", "plain.png"}),
        ("modular_pipeline.py", {"modular-0.png", "modular-1.png"}),
        ("your_own_callback.py", {"000000.png"}),
        ("into_a_picture.py", {"into-a-picture.png"}),
    ],
)
def test_example_draws(monkeypatch, tmp_path, name, written):
    out = tmp_path / "out"
    out.mkdir()
    run(monkeypatch, name, "--out", out, "--store", tmp_path / "store", "--steps", 2)
    assert {path.name for path in out.iterdir()} == written
    assert all(Image.open(path).size == (128, 128) for path in out.iterdir())


def test_limits_are_shown_on_one_sheet(monkeypatch, tmp_path):
    run(monkeypatch, "limits.py", "--out", tmp_path / "limits.png", "--store", tmp_path / "store", "--steps", 1)
    assert Image.open(tmp_path / "limits.png").width > 6 * 256


def test_another_colour_is_shown_on_one_sheet(monkeypatch, tmp_path):
    arguments = ("--out", tmp_path / "colour.png", "--store", tmp_path / "store", "--steps", 1, "--rows", 2)
    run(monkeypatch, "another_colour.py", *arguments)
    assert Image.open(tmp_path / "colour.png").width > 5 * 256


def test_a_controlnet_is_shown_beside_injection(monkeypatch, tmp_path):
    arguments = ("--out", tmp_path / "sheet.png", "--store", tmp_path / "store", "--steps", 2)
    run(monkeypatch, "controlnet.py", *arguments)
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    assert sheet.shape == (256, 9 * 128, 3)
    injected, controlled = sheet[:128], sheet[128:]
    assert np.array_equal(injected[:, :256], controlled[:, :256])  # the reference and the mesh
    assert not np.array_equal(injected[:, 256:384], controlled[:, 256:384])


def test_an_identity_is_read_with_zarr(monkeypatch, tmp_path, capsys):
    run(monkeypatch, "register_and_generate.py", "--out", tmp_path, "--store", tmp_path / "store", "--steps", 1)
    run(monkeypatch, "read_identity_with_zarr.py", "example", "--store", tmp_path / "store")
    out = capsys.readouterr().out
    assert "('timestep', 'layer', 'kv', 'token', 'channel')" in out and "example: 'a photo of a" in out


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_examples_are_short(path):
    assert len(path.read_text().splitlines()) < 90
