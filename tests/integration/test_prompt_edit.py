"""Prompt edits in whole images: what they cost, and what they change."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from seal_sdk import Appearance, DeltaBridge, IdentitySession
from seal_sdk.backbone.conditioning import Conditioning
from seal_sdk.errors import ConfigError
from seal_sdk.generation.prompt_edits import DRAWS, EditPrompts, edit_reference
from seal_sdk.method.infusion import infuse
from seal_sdk.method.noise_level import NoiseLevel

BOX = (20.0, 20.0, 100.0, 110.0)


class Reader:
    """A model that predicts, for each row, its conditioning times a field."""

    train_timesteps = 1000

    def __init__(self, field):
        self.field, self.rows = field, 0

    def noise_level(self, timestep):
        return NoiseLevel.from_alpha_bar(1 - timestep / 1000, "sample")

    def predict(self, noisy, timestep, conditioning):
        self.rows += len(noisy)
        return conditioning.embeds[:, :1, :1, None] * self.field


def row(value):
    return Conditioning(torch.full((1, 2, 3), value))


def test_each_edit_counts_by_its_own_confidence():
    """A colour is followed although the same prompt also asks for another scene."""
    region = torch.zeros(1, 1, 8, 8)
    region[..., 2:6, 2:6] = 1.0
    latents = torch.zeros(1, 4, 8, 8)
    model = Reader(torch.tensor([0.0, 1.0, 0.0, 0.0]).view(1, 4, 1, 1) * region)
    colour, scene = row(0.5), row(0.0)
    one, changed = edit_reference(model, latents, region, EditPrompts(row(0.0), row(0.0), [colour]), 1.0)
    both, _ = edit_reference(model, latents, region, EditPrompts(row(0.0), row(0.0), [colour, scene]), 1.0)
    twice, _ = edit_reference(model, latents, region, EditPrompts(row(0.0), row(0.0), [colour]), 2.0)
    assert model.rows == DRAWS * (3 + 4 + 3)
    assert torch.equal(one, both) and torch.allclose(twice, 2 * one) and one[:, 1].max() > 0.5
    assert torch.allclose(changed, region, atol=1e-3)


@pytest.mark.parametrize("override", [-1, float("nan"), float("inf"), "2"])
def test_override_is_a_finite_number(override):
    with pytest.raises(ConfigError, match="override="):
        DeltaBridge(override=override)


@pytest.fixture
def session(tiny_pipeline, tmp_path, reference_image):
    with IdentitySession(tiny_pipeline(), store=tmp_path / "store", enable_progress_bar=False) as session:
        session.register(reference_image, prompt="a blue cat", name="one", box=BOX, timesteps=2)
        yield session


def test_an_edit_costs_three_rows_for_each_noise_and_only_if_it_is_used(session, structure_image):
    def rows(bridge=None, **settings):
        call = dict(structure_box=BOX, seed=1, num_inference_steps=9, guidance_scale=4.0) | settings
        return session.generate(structure_image, "a red cat", delta_bridge=bridge or DeltaBridge(), **call).unet_rows

    without = rows(replace(DeltaBridge(), override=0))
    assert rows() == without + 3 * DRAWS  # the prompts differ in one word
    assert rows(num_images_per_prompt=2) == 2 * without + 3 * DRAWS  # once for all images of a call
    assert rows(appearance=Appearance(delta=0)) == rows(
        replace(DeltaBridge(), override=0), appearance=Appearance(delta=0)
    )
    assert rows(appearance=Appearance(detail=0)) == without
    unguided = dict(guidance_scale=1.0)
    assert rows(**unguided) == rows(replace(DeltaBridge(), override=0), **unguided)


def test_a_prompt_that_says_the_same_changes_nothing(session, structure_image):
    def draw(override):
        bridge, appearance = DeltaBridge(override=override), Appearance(tau=-1.0)
        call = dict(structure_box=BOX, seed=1, num_inference_steps=6, guidance_scale=4.0, output_type="latent")
        return session.generate(structure_image, "a blue cat", delta_bridge=bridge, appearance=appearance, **call).image

    assert torch.allclose(draw(0.0), draw(4.0), atol=1e-4)


def test_edited_tokens_are_infused_less(session, structure_image, monkeypatch):
    """Keys and values still have the look that the prompt has changed. They must not paint it back."""
    given = []

    def changed(model, latents, subject, *others):
        return latents, subject * torch.linspace(0, 1, subject.shape[-1])

    def watched(base, query, reference, *others, **settings):
        given.append(reference.retention)
        return infuse(base, query, reference, *others, **settings)

    monkeypatch.setattr("seal_sdk.generation.infusion_hooks.infuse", watched)
    call = dict(structure_box=BOX, seed=1, num_inference_steps=2, guidance_scale=4.0, appearance=Appearance(tau=-1.0))
    session.generate(structure_image, "a blue cat", **call)
    assert given and all(retention is None for retention in given)
    given.clear()
    monkeypatch.setattr("seal_sdk.generation.subject_planner.edit_reference", changed)
    session.generate(structure_image, "a red cat", **call)
    assert given and all(0 <= each.min() < each.max() - 0.2 < 0.8 for each in given)
