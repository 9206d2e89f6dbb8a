"""The example's workflow draws what the session draws, and saved pictures carry workflow and settings."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from fixtures.comfyui import install, load_image, run_in_order
from fixtures.comfyui_calls import STEPS, draw_example, pixels, same
from PIL import Image

from seal_sdk import IdentitySession
from seal_sdk.errors import InputError
from seal_sdk.images import read_settings

WORKFLOW = Path(__file__).parents[4] / "examples" / "comfyui_workflow_api.json"


def test_the_example_draws_what_the_session_draws(
    nodes, monkeypatch, tmp_path, reference_image, structure_image, session
):
    told = install(monkeypatch, tmp_path, previews=True)
    workflow = json.loads(WORKFLOW.read_text())
    workflow["model"]["inputs"]["store"] = str(tmp_path / "store")
    workflow["draw"]["inputs"]["steps"] = STEPS
    shown = []
    files = {"demo-horse-mesh-reference.png": reference_image, "demo-horse-mesh-structure.png": structure_image}
    own = {"LoadImage": lambda image: load_image(files[image]), "PreviewImage": lambda images: shown.append(images)}
    results = run_in_order(workflow, nodes, own)
    alone_session = IdentitySession("pocket", store=tmp_path / "alone", enable_progress_bar=False)
    with alone_session as alone:
        identity = alone.register(reference_image, prompt="a photo of a horse", name="workflow-horse", preset="seal")
        drawn = draw_example(alone, structure_image)
        maps = drawn.maps()
    assert results["register"][0][0].references[0].digest == identity.digest
    assert same(results["draw"][0], drawn)
    assert json.loads(results["draw"][1]) == json.loads(json.dumps(drawn.settings))
    first, second = (Image.open(tmp_path / f"seal_{number:05}_.png") for number in (1, 2))
    assert np.array_equal(np.asarray(second), np.asarray(drawn.images[1])) and not np.array_equal(first, second)
    assert read_settings(tmp_path / "seal_00002_.png") == json.loads(json.dumps(drawn.settings[1]))
    sheets = [each.draw(identity.image, image) for each, image in zip(maps, drawn.images, strict=True)]
    assert np.array_equal(pixels(shown[0]), np.stack([np.asarray(each) for each in sheets]))
    assert [step for step, of, _ in told.told if of == STEPS][-STEPS:] == [1, 2, 3, 4]
    kind, preview, size = told.told[-1][2]
    assert kind == "JPEG" and preview.size == (32, 32) and size == 512


def test_a_batch_needs_settings_of_its_own(run, tmp_path, monkeypatch):
    install(monkeypatch, tmp_path)
    with pytest.raises(InputError, match="2 images and settings of 1"):
        run("SealSave", images=torch.zeros(2, 8, 8, 3), settings_text="[{}]", filename_prefix="a")
    with pytest.raises(InputError, match="no JSON"):
        run("SealSave", images=torch.zeros(2, 8, 8, 3), settings_text="a cat", filename_prefix="a")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match="image holds 2 pictures"):
        run("SealRegister", session=None, image=torch.zeros(2, 8, 8, 3), name="a", prompt="a cat", preset="seal")


def test_saved_pictures_carry_the_workflow_too(run, tmp_path, monkeypatch):
    install(monkeypatch, tmp_path)
    workflow = dict(prompt={"1": {"class_type": "SealDraw"}}, extra_pnginfo={"workflow": {"nodes": []}})
    shown = run(
        "SealSave", images=torch.zeros(1, 8, 8, 3), settings_text='[{"seed": 1}]', filename_prefix="a", **workflow
    )
    assert shown == {"ui": {"images": [{"filename": "a_00001_.png", "subfolder": "", "type": "output"}]}}
    info = Image.open(tmp_path / "a_00001_.png").info
    assert json.loads(info["prompt"]) == workflow["prompt"] and json.loads(info["workflow"]) == {"nodes": []}
    assert read_settings(tmp_path / "a_00001_.png") == {"seed": 1}
