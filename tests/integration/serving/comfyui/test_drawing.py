"""Nodes register and draw what the session registers and draws, bit for bit."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from fixtures.comfyui import load_image
from fixtures.comfyui_calls import NOBODY, STEPS, WIDGETS, pixels, same

from seal_sdk import IdentitySession, Region
from seal_sdk.errors import ConfigError, UnknownIdentity
from seal_sdk.match_maps import stack

BOX = (20.0, 20.0, 100.0, 110.0)


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


def test_references_lie_as_they_are_matched(reference_image):
    assert stack([reference_image, reference_image.resize((64, 64))]).size == (128, 192)
