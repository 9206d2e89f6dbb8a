"""Register and generate from the command line, with the embedded model."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from seal_sdk.cli.main import seal as command
from seal_sdk.images import attach_settings, read_settings


@pytest.fixture
def files(tmp_path, reference_image, structure_image):
    reference_image.save(tmp_path / "reference.png")
    structure_image.save(tmp_path / "structure.png")
    return tmp_path


def seal(*arguments):
    result = CliRunner().invoke(command, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result.stdout


def test_register_generate_and_show(files):
    store = ("--store", files / "store")
    asked = ("register", files / "reference.png", "--name", "subject", "--prompt", "a photo of a cat", "--json", *store)
    first, second = json.loads(seal(*asked)), json.loads(seal(*asked))
    assert (first["hit"], second["hit"]) == (False, True) and first["digest"] == second["digest"]
    drawn = seal(
        *("generate", "subject", "--structure", files / "structure.png", "--prompt", "a photo of a cat on snow"),
        *("-o", files / "out.png", "--seed", 3, "--steps", 2, "--guidance-interval", 0, 0.5, "--json", *store),
    )
    memory = json.loads(drawn)["memory"]
    assert set(memory["weights"]) == {"unet", "vae", "text_encoder", "text_encoder_2", "segmenter"}
    assert memory["key_values"]["memory"] > 0
    assert Image.open(files / "out.png").size == (128, 128)
    settings = read_settings(files / "out.png")
    assert "a photo of a cat on snow" in seal("show", files / "out.png")
    assert settings["seed"] == 3 and settings["identity"]["name"] == "subject"
    assert settings["guidance_interval"] == [0, 0.5]
    asked = ("explain", files / "out.png", "--structure", files / "structure.png", "-o", files / "maps.png", "--json")
    report = json.loads(seal(*asked, "--low-memory", *store))
    assert report["same"] and report["coverage"] > 0
    assert Image.open(files / "maps.png").size == (256, 256)


def test_explain_asks_for_the_structure_image(files):
    reference = files / "reference.png"
    attach_settings(
        Image.open(reference).convert("RGB"), {"identity": {"digest": "0" * 64}, "seed": 1, "structure": {}}
    ).save(reference)
    result = CliRunner().invoke(command, ["explain", str(reference), "-o", str(files / "maps.png")])
    assert result.exit_code == 2 and "--structure" in result.output


def test_a_subject_is_put_into_a_picture_and_explained(files, structure_image):
    mask = Image.new("L", structure_image.size)
    mask.paste(255, (20, 30, 110, 120))
    mask.save(files / "mask.png")
    store = ("--store", files / "store")
    seal("register", files / "reference.png", "--name", "subject", "--prompt", "a photo of a cat", *store)
    pictures = ("--image", files / "structure.png", "--mask-image", files / "mask.png")
    asked = ("generate", "subject", "--prompt", "a photo of a cat", "--seed", 3, "--steps", 4, "--strength", 0.8)
    seal(*asked, *pictures, "-o", files / "out.png", *store)
    drawn, picture = np.asarray(Image.open(files / "out.png")), np.asarray(structure_image)
    outside = np.asarray(mask) == 0
    assert np.array_equal(drawn[outside], picture[outside]) and not np.array_equal(drawn, picture)
    asked = ("explain", files / "out.png", "-o", files / "maps.png", "--json", *store)
    assert json.loads(seal(*asked, *pictures))["same"]
    refused = CliRunner().invoke(command, [*map(str, asked), "-y"])
    assert refused.exit_code == 2 and "--mask-image" in refused.output


def test_the_demo_writes_its_sheet_and_the_second_run_hits(tmp_path):
    asked = ("demo", "--out", tmp_path / "demo", "--store", tmp_path / "store", "--steps", 1)
    first = seal(*asked)
    assert first.count("computed") == 2 and "denoise" in first
    report = json.loads(seal(*asked, "--json", "--images-per-forward", 4))
    drawn = json.loads(seal("show", tmp_path / "demo" / "demo-horse-mesh-with-identity.png", "--json"))
    assert drawn["images_per_forward"] == 4
    assert [subject["hit"] for subject in report["subjects"]] == [True, True]
    assert all(subject["images"] == 4 and subject["timings"]["denoise"] > 0 for subject in report["subjects"])
    sheet = Image.open(report["sheet"])
    assert sheet.width > 5 * 256 and sheet.height > 8 * 256
    assert len(list((tmp_path / "demo").glob("*.png"))) == 2 * 4 * 5 + 1


@pytest.mark.parametrize("value", ["0", "-1", "two", "1.5"])
def test_the_demo_refuses_other_numbers_of_images_per_forward(tmp_path, value):
    asked = ("demo", "--out", tmp_path / "demo", "--images-per-forward", value)
    refused = CliRunner().invoke(command, list(map(str, asked)))
    assert refused.exit_code == 2 and "expected 'exact', 'auto' or an integer >= 1" in refused.output
    assert not (tmp_path / "demo").exists()


def test_a_cutout_keeps_its_alpha_on_the_command_line(files, reference_image):
    cutout = reference_image.convert("RGBA")
    alpha = Image.new("L", cutout.size)
    alpha.paste(255, (20, 30, 90, 110))
    cutout.putalpha(alpha)
    cutout.save(files / "cutout.png")
    store = ("--store", files / "store")
    asked = ("register", files / "cutout.png", "--name", "subject", "--prompt", "a photo", "--json", *store)
    assert json.loads(seal(*asked))["box"] == [20, 30, 90, 110]
    assert json.loads(seal(*asked, "--mask", files / "cutout.png"))["hit"]
