"""An identity that an earlier version registered opens, and is found again: its recipe must not change."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
import torch

from seal_sdk import Appearance, IdentitySession
from seal_sdk.kv_cache.encoding import to_key_values
from seal_sdk.registration.recipe import CaptureSettings, build_recipe
from seal_sdk.registration.reference import Reference
from store import IdentityStore

DATA = Path(__file__).parents[2] / "data"
OF_THE_LIBRARIES = {"model", "scheduler", "attention_backend"}  # other weights or another diffusers may change these


@pytest.fixture
def session(tmp_path):
    with zipfile.ZipFile(DATA / "identity-1.zip") as archive:
        archive.extractall(tmp_path / "store")
    store = IdentityStore(tmp_path / "store", create=False)
    with IdentitySession("pocket", store=store, enable_progress_bar=False) as session:
        yield session


def test_it_opens_whole(session):
    identity = session.identities["horse"]
    assert session.store.verify().ok
    assert identity.digest == (DATA / "identity-1.digest").read_text().strip()
    assert identity.prompt == "a photo of a horse" and identity.size == (128, 128) and identity.mask.any()
    assert identity.latents.shape == (1, 8, 32, 32) and len(identity.timesteps) == 1
    read = to_key_values(
        identity.stored.step(0), identity.stored.arrays, session.backbone.device, session.backbone.dtype
    )
    assert len(read) == 8 and all(torch.isfinite(each).all() for pair in read.values() for each in pair)


def test_its_recipe_is_what_would_be_asked_today(session):
    identity = session.identities["horse"]
    backbone, appearance = session.backbone, Appearance()
    layers = backbone.self_attention_layers(appearance.layers)
    settings = CaptureSettings(identity.timesteps, layers, appearance)
    subject = {"finder": session.segmenter.fingerprint}
    today = build_recipe(backbone, Reference(identity.image, identity.prompt), subject, settings)
    then = dict(identity.stored.recipe)
    assert set(today) == set(then)
    for field in set(then) - OF_THE_LIBRARIES:
        assert json.dumps(today[field]) == json.dumps(then[field]), field


def test_registering_it_again_is_a_hit_while_the_model_is_the_same(session):
    identity = session.identities["horse"]
    if session.backbone.fingerprint() != identity.model:
        pytest.skip("the embedded model has other weights now")
    assert session.store.get(identity.stored.recipe).digest == identity.digest
    again = session.register(identity.image, prompt=identity.prompt, name="horse", timesteps=1)
    assert again.digest == identity.digest
    drawn = session.generate(None, "a photo of a horse on snow", num_inference_steps=2, seed=1)
    assert drawn.reads == {"disk": 1}
