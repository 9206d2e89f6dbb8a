"""Nodes that ComfyUI runs draw what the session draws, bit for bit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from fixtures.comfyui import Interrupted, install, load_image, run_in_order
from PIL import Image

from seal_sdk import Appearance, DeltaBridge, IdentitySession, Region
from seal_sdk.errors import ConfigError, InputError, UnknownIdentity
from seal_sdk.images import read_settings
from seal_sdk.match_maps import stack
from seal_sdk.serving.comfyui.models import Models, ModelSettings, OpenModel
from seal_sdk.serving.comfyui.nodes import make_nodes
from seal_sdk.serving.comfyui.v1 import node_class

WORKFLOW = Path(__file__).parents[3] / "examples" / "comfyui_workflow_api.json"
BOX = (20.0, 20.0, 100.0, 110.0)
STEPS = 4
WIDGETS = dict(negative_prompt="", seed=3, steps=STEPS, guidance=0.0, batch_size=1, preset="seal", match_maps=False)
NOBODY = dict(appearance=Appearance(delta=0), delta_bridge=DeltaBridge(strength=0))


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return str(tmp_path_factory.mktemp("library"))


@pytest.fixture(scope="module")
def models():
    models = Models()
    yield models
    models.close()


@pytest.fixture(scope="module")
def nodes(models):
    """Name -> what runs the node."""
    return {node.name: node_class(node) for node in make_nodes(models)}


@pytest.fixture(scope="module")
def run(nodes):
    def run(name, /, **given):
        with torch.inference_mode():  # as ComfyUI
            return getattr(nodes[name](), nodes[name].FUNCTION)(**given)

    return run


@pytest.fixture(scope="module")
def opened(run, library):
    given = dict(model="pocket", store=library, precision="auto", accelerator="auto", low_memory=False)
    (model,) = run("SealModel", path="", **given)
    return model


@pytest.fixture(scope="module")
def session(library):
    """A session beside ComfyUI, over the same library."""
    with IdentitySession("pocket", store=library, enable_progress_bar=False) as session:
        yield session


@pytest.fixture(scope="module")
def cat(run, opened, reference_image):
    image, mask = load_image(reference_image)
    given = dict(name="cat", prompt="a photo of a cat", preset="seal", box="20, 20, 100, 110")
    identity, _, _ = run("SealRegister", session=opened, image=image, mask=mask, **given)
    return identity


def pixels(image):
    return (image * 255).round().numpy().astype(np.uint8)


def same(image, drawn):
    return np.array_equal(pixels(image), np.stack([np.asarray(each) for each in drawn.images]))


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
        drawn = alone.generate(
            structure_image,
            "a photo of a horse on snow",
            structure_prompt="a mesh of a horse",
            seed=1,
            num_images_per_prompt=2,
            num_inference_steps=STEPS,
            match_maps=True,
        )
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


def test_a_reference_is_registered_as_the_session_registers_it(run, opened, cat, session, reference_image):
    alone = session.register(reference_image, prompt="a photo of a cat", name="again", box=BOX)
    assert cat[0].references[0].digest == alone.digest
    mask = torch.zeros(1, 128, 128)
    mask[:, 30:90, 40:100] = 1
    given = dict(name="masked", prompt="a photo of a cat", preset="seal")
    _, seen, found = run("SealRegister", session=opened, image=load_image(reference_image)[0], mask=mask, **given)
    assert torch.equal(found, mask) and np.array_equal(pixels(seen)[0], np.asarray(reference_image))


def test_an_identity_is_found_by_its_name(run, opened, cat):
    (found,) = run("SealIdentity", session=opened, name="cat")
    assert found[0].references == cat[0].references
    with pytest.raises(UnknownIdentity, match="cat"):
        run("SealIdentity", session=opened, name="cta")


def test_nobody_is_drawn_without_an_identity(run, opened, cat, library, structure_image):
    """Though one was registered in the session just before."""
    structure = load_image(structure_image)[0]
    image, settings, _ = run(
        "SealDraw", session=opened, prompt="a cat", width=0, height=0, structure=structure, **WIDGETS
    )
    with IdentitySession("pocket", store=library, enable_progress_bar=False) as fresh:
        drawn = fresh.generate(structure_image, "a cat", seed=3, num_inference_steps=STEPS, **NOBODY)
    assert same(image, drawn) and json.loads(settings)[0]["identity"] is None


def test_regions_settings_and_sizes(run, opened, cat, session, structure_image):
    (given,) = run("SealSettings", control="as the preset", delta=4.0, guidance_start=0.25)
    left, right = torch.zeros(1, 128, 160), torch.zeros(1, 128, 160)
    left[:, 16:112, 8:72], right[:, 16:112, 88:152] = 1, 1
    other, _, _ = run(
        "SealRegister",
        session=opened,
        image=load_image(structure_image)[0],
        name="other",
        prompt="a mesh",
        preset="seal",
        box="20 20 100 110",
    )
    (one,) = run("SealRegion", identity=cat, mask=left, prompt="")
    (both,) = run("SealRegion", identity=other, mask=right, prompt="a blue cat", others=one)
    image, _, drawing = run(
        "SealDraw",
        session=opened,
        prompt="two cats",
        width=160,
        height=128,
        identity=both,
        settings=given,
        **{**WIDGETS, "negative_prompt": "red", "guidance": 3.0, "match_maps": True},
    )
    drawn = session.generate(
        prompt="two cats",
        negative_prompt="red",
        identity={
            session.identities["cat"]: left[0].numpy() > 0,
            session.identities["other"]: Region(right[0].numpy() > 0, prompt="a blue cat"),
        },
        width=160,
        height=128,
        seed=3,
        num_inference_steps=STEPS,
        guidance_scale=3.0,
        guidance_interval=(0.25, 1.0),
        appearance=replace(session.appearance, delta=4.0),
    )
    assert image.shape == (1, 128, 160, 3) and same(image, drawn)
    (maps,) = run("SealMatchMap", drawing=drawing, layer="", step=-1)
    assert maps.shape == (2, 256, 320, 3) and not torch.equal(maps[0], maps[1])


def test_a_batch_of_poses_and_several_references(run, opened, cat, session, structure_image, reference_image):
    (both,) = run("SealReferences", first=cat, second=cat)
    assert both[0].references == cat[0].references  # once is enough
    poses = torch.cat([load_image(structure_image)[0], load_image(reference_image)[0]])
    masks = torch.zeros(2, 128, 128)
    masks[:, 20:110, 20:100] = 1
    image, _, drawing = run(
        "SealDraw",
        session=opened,
        prompt="a cat",
        width=0,
        height=0,
        identity=cat,
        structure=poses,
        structure_mask=masks,
        **{**WIDGETS, "batch_size": 2},
    )
    drawn = session.generate(
        [structure_image, reference_image],
        "a cat",
        identity="cat",
        structure_mask=[masks[0].numpy() > 0, masks[1].numpy() > 0],
        seed=[3, 4, 5, 6],
        num_images_per_prompt=2,
        num_inference_steps=STEPS,
    )
    assert image.shape[0] == 4 and same(image, drawn)
    with pytest.raises(ConfigError, match="match_maps=True"):
        run("SealMatchMap", drawing=drawing, layer="", step=-1)


def test_into_a_samplers_picture(run, opened, cat, session, structure_image):
    picture = load_image(structure_image)[0] * 0.9 + 0.0123  # finer than 256 levels
    mask = torch.zeros(1, 128, 128)
    mask[:, 30:100, 30:100] = 1
    given = dict(session=opened, prompt="a cat", identity=cat, strength=0.9, crop_to_mask=False, **WIDGETS)
    image, _, _ = run("SealDrawInto", image=picture, mask=mask, **given)
    start = picture[0].permute(2, 0, 1)
    alone = dict(prompt="a cat", identity="cat", strength=0.9, seed=3, num_inference_steps=STEPS)
    drawn = session.generate(image=start, mask_image=mask[0].numpy(), height=128, width=128, **alone)
    assert same(image, drawn)
    outside = mask[0].numpy() == 0
    assert np.array_equal(pixels(image)[0][outside], pixels(picture)[0][outside])
    whole, _, _ = run("SealDrawInto", image=picture[:, :120, :96], mask=torch.zeros(1, 64, 64), **given)
    assert whole.shape == (1, 120, 96, 3)
    with pytest.raises(InputError, match="either an image or a latent"):
        run("SealDrawInto", **given)


def test_a_large_picture_keeps_its_size_beside_a_mask(run, opened, cat, session):
    """diffusers would stretch it to the model's own."""
    picture = torch.full((1, 64, 192, 3), 0.5)
    mask = torch.zeros(1, 64, 192)
    mask[:, 8:56, 32:96] = 1
    given = dict(session=opened, prompt="a cat", identity=cat, strength=1.0, image=picture, mask=mask, **WIDGETS)
    image, _, _ = run("SealDrawInto", crop_to_mask=False, **given)
    assert image.shape == (1, 64, 192, 3)
    cropped, settings, _ = run("SealDrawInto", crop_to_mask=True, **given)
    assert cropped.shape == (1, 64, 192, 3) and json.loads(settings)[0]["padding_mask_crop"] == 32


def test_into_a_samplers_latents(run, tiny_pipeline, tmp_path, structure_image):
    """ComfyUI passes on the VAE's own latents, without the model's scale."""
    with IdentitySession(tiny_pipeline(), store=tmp_path, enable_progress_bar=False) as session:
        scaled = session.backbone.encode_image(structure_image)
        scale = session.pipe.vae.config.scaling_factor
        assert 0.1 < scale < 0.2
        mask = torch.zeros(1, 1, 128, 128)
        mask[..., 30:100, 30:100] = 1
        given = dict(session=OpenModel(session), prompt="a cat", strength=0.9, crop_to_mask=False, **WIDGETS)
        image, _, _ = run("SealDrawInto", latent={"samples": scaled / scale, "noise_mask": mask}, **given)
        alone = dict(prompt="a cat", strength=0.9, seed=3, num_inference_steps=STEPS, **NOBODY)
        drawn = session.generate(image=scaled / scale * scale, mask_image=mask[0, 0].numpy(), **alone)
        assert same(image, drawn)
        whole, _, _ = run("SealDrawInto", latent={"samples": scaled / scale}, **given)
        assert whole.shape == (1, 128, 128, 3) and not torch.equal(whole, image)


def test_somebody_interrupts_and_draws_again(run, opened, cat, session, monkeypatch, tmp_path):
    comfy = install(monkeypatch, tmp_path)
    comfy.interrupt_at = 2
    given = dict(session=opened, prompt="a cat", width=0, height=0, identity=cat, **WIDGETS)
    with pytest.raises(Interrupted):
        run("SealDraw", **given)
    assert [step for step, _, _ in comfy.told] == [0, 1, 2]
    image, _, _ = run("SealDraw", **given)
    drawn = session.generate(prompt="a cat", identity="cat", seed=3, num_inference_steps=STEPS)
    assert same(image, drawn)


def test_a_model_stays_open_and_another_is_another(models, opened, run, library, monkeypatch, tmp_path):
    comfy = install(monkeypatch, tmp_path)
    given = dict(model="pocket", path="", precision="auto", accelerator="auto", low_memory=False)
    (again,) = run("SealModel", store=library, **given)
    assert again is opened and comfy.unloaded == 0
    (other,) = run("SealModel", store=str(tmp_path / "other"), **given)
    assert other is not opened and comfy.unloaded == 1
    with pytest.raises(Exception, match=r"sdxl\.safetensors"):  # a checkpoint's name is its file
        run("SealModel", store=library, **{**given, "model": "sdxl.safetensors"})
    assert models.open(ModelSettings("pocket", library)) is opened


def test_what_outlives_a_workflow_is_no_inference_tensor(opened, cat, run):
    """Nobody else could change such weights, say to load a LoRA."""
    assert not any(weights.is_inference() for weights in opened.session.pipe.unet.parameters())
    image, _, _ = run(
        "SealDraw", session=opened, prompt="a cat", width=64, height=64, identity=cat, **{**WIDGETS, "steps": 1}
    )
    assert not image.is_inference()


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


def test_references_lie_as_they_are_matched(reference_image):
    assert stack([reference_image, reference_image.resize((64, 64))]).size == (128, 192)
