"""What the text says of the subject changes the transferred details; what it says of the scene does not."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from seal_sdk import Appearance, DeltaBridge, IdentitySession
from seal_sdk.backbone.conditioning import Conditioning
from seal_sdk.backbone.text_change import DRAWS, reworded
from seal_sdk.errors import ConfigError
from seal_sdk.method.infusion import infuse
from seal_sdk.method.text_change import (
    CERTAIN,
    COMPARED,
    DOUBTFUL,
    LEAD,
    LIKE,
    bearers,
    belief,
    evidence,
    text_change,
)

BOX = (20.0, 20.0, 100.0, 110.0)
SHAPE = (1, 4, 8, 8)


@pytest.fixture
def region():
    region = torch.zeros(1, 1, 8, 8)
    region[..., 2:6, 2:6] = 1.0
    return region


@pytest.fixture
def left(region):
    left = torch.zeros_like(region)
    left[..., 2:6, 2:4] = 1.0
    return left


def direction(channel):
    way = torch.zeros(1, 4, 1, 1)
    way[:, channel] = 1.0
    return way


def readings(region, subject, scene):
    """Clean latents as read with the edited and with the reference's prompt; they differ by so much in subject and scene."""
    torch.manual_seed(0)
    shown = torch.randn(SHAPE)
    return shown + subject * region + scene * (1 - region), shown


def test_belief_grows_with_the_evidence(region):
    """From none, where the scene is changed more, to a whole one."""
    found = []
    for subject in (0.1, 0.25, 0.3, 0.6):
        edited, shown = readings(region, subject=subject, scene=0.2)
        assert evidence(edited - shown, region) == pytest.approx(subject / 0.2, rel=1e-4)
        found.append(float(belief(edited - shown, region)))
    assert found[0] == 0 and 0 < found[1] < found[2] < 1 and found[3] == 1
    assert DOUBTFUL < CERTAIN


def test_another_scene_alone_changes_nothing_of_the_subject(region):
    edited, shown = readings(region, subject=0.3, scene=0.5)
    change, changed = text_change(torch.randn(SHAPE), region, shown, torch.zeros(SHAPE), edited)
    assert not change.any() and not changed.any()


def test_an_edit_without_effect_changes_nothing(region):
    edited, shown = readings(region, subject=0.0, scene=0.0)
    change, changed = text_change(torch.randn(SHAPE), region, shown, torch.zeros(SHAPE), edited)
    assert not change.any() and not changed.any()


def striped(region, left, answer):
    """A coat of two looks, as read with the prompt that names the left one's and with another look asked for.

    answer: how much of the change shows on the right, where it does not belong.
    """
    latents = direction(0) * left + direction(2) * (region - left)
    shown = (direction(0) * region).expand(SHAPE)
    edited = shown + direction(1) * (left + answer * (region - left))
    return latents, region, shown, torch.zeros(SHAPE), edited


def test_of_two_looks_the_one_that_is_spoken_of_changes(region, left):
    change, changed = text_change(*striped(region, left, answer=0.3))
    assert changed[left > 0].min() > 0.9 and changed[(region - left) > 0].max() < 0.7
    assert not (change * (1 - region)).any()
    asked = change[:, 1:2][left > 0]
    assert asked.min() > 0.8 and torch.allclose(asked, asked[0].expand(8))


def test_the_answer_of_the_model_tells_which_look_is_meant(region, left):
    shares = [
        float(text_change(*striped(region, left, answer))[1][(region - left) > 0].max()) for answer in (0.1, 0.5, 1)
    ]
    assert shares == sorted(shares) and shares[0] < 0.5 * shares[2]


def test_a_subject_of_one_look_takes_the_change_everywhere_alike(region):
    shown = (direction(0) * region).expand(SHAPE)
    edited = shown + 0.5 * direction(1) * region
    change, changed = text_change(direction(0) * region, region, shown, torch.zeros(SHAPE), edited)
    assert torch.allclose(changed, region, atol=1e-4)
    way, left = 0.5 * direction(1), 0.5 * direction(1)  # the readings' difference, and what is left to the edited one
    assert torch.allclose(change, (way + LEAD * left) * region, atol=1e-4)


def test_where_the_prompt_leads_counts_for_no_more_than_half_of_the_change(region):
    """A subject that is far from what the model draws for its prompt stays what it is."""
    shown = torch.zeros(SHAPE)
    edited = 0.1 * direction(1).expand(SHAPE) * region
    change, _ = text_change(100 * direction(2) * region, region, shown, shown, edited)
    assert torch.linalg.vector_norm(change[:, :, 3, 3]) == pytest.approx(0.1 * (1 + LIKE**2) ** 0.5, rel=0.05)


def test_places_that_look_alike_share_what_is_found(region, left):
    """Noise in the readings does not make the change patchy."""
    torch.manual_seed(0)
    latents, _, shown, neither, edited = striped(region, left, answer=0.0)
    noisy = edited + 0.3 * torch.rand(1, 1, 8, 8) * direction(1) * region
    changed = bearers(latents, region, noisy - shown, shown, neither)[left > 0]
    assert torch.allclose(changed, changed[0].expand(8), atol=1e-3)


@pytest.mark.parametrize("region", [torch.zeros(1, 1, 8, 8), torch.ones(1, 1, 8, 8)])
def test_no_subject_and_nothing_but_the_subject_stay_finite(region):
    latents, edited, shown, neither = torch.randn(4, *SHAPE)
    for each in text_change(latents, region, shown, neither, edited):
        assert torch.isfinite(each).all()
    assert not text_change(latents, torch.zeros_like(region), shown, neither, edited)[0].any()


def test_a_subject_of_more_places_than_are_compared_changes_all_the_same():
    region = torch.ones(1, 1, 48, 48)
    region[..., :8, :] = 0
    shown = (direction(0) * region).expand(1, 4, 48, 48)
    _, changed = text_change(shown, region, shown, torch.zeros_like(shown), shown + direction(1) * region)
    assert int(region.sum()) > COMPARED and torch.allclose(changed, region, atol=1e-3)


def reader(change):
    """A pipeline whose UNet reads nothing for each row but its conditioning times a field."""

    def unet(noisy, timestep, encoder_hidden_states, added_cond_kwargs, return_dict):
        unet.rows += len(noisy)
        return (encoder_hidden_states[:, :1, :1, None] * change,)

    unet.rows = 0
    config = SimpleNamespace(num_train_timesteps=1000, prediction_type="sample")
    return SimpleNamespace(
        unet=unet, scheduler=SimpleNamespace(alphas_cumprod=torch.linspace(1, 0, 1000), config=config)
    )


def row(value):
    return Conditioning(torch.full((1, 2, 3), value), torch.zeros(1, 3), torch.zeros(1, 6))


def test_each_difference_counts_by_its_own_evidence(region):
    """A colour is followed although the same prompt also asks for another scene."""
    latents = torch.zeros(SHAPE)
    pipe = reader(direction(1) * region)
    colour, scene = row(0.5), row(0.0)
    one, changed = reworded(pipe, latents, region, row(0.0), row(0.0), [colour], 1.0)
    both, _ = reworded(pipe, latents, region, row(0.0), row(0.0), [colour, scene], 1.0)
    twice, _ = reworded(pipe, latents, region, row(0.0), row(0.0), [colour], 2.0)
    assert pipe.unet.rows == DRAWS * (3 + 4 + 3)
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


def test_it_costs_three_rows_for_each_noise_and_only_where_it_matters(session, structure_image):
    def rows(bridge=DeltaBridge(), **settings):
        call = dict(structure_box=BOX, seed=1, num_inference_steps=9, guidance_scale=4.0) | settings
        return session.generate(structure_image, "a red cat", delta_bridge=bridge, **call).unet_rows

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


def test_what_the_text_changes_is_infused_less(session, structure_image, monkeypatch):
    """Keys and values still have the look that the text has changed; where it has, they do not paint it back."""
    given = []

    def changed(pipe, latents, subject, *others):
        return latents, subject * torch.linspace(0, 1, subject.shape[-1])

    def watched(base, *others, kept, **settings):
        given.append(kept)
        return infuse(base, *others, kept=kept, **settings)

    monkeypatch.setattr("seal_sdk.backbone.infuse.infuse", watched)
    call = dict(structure_box=BOX, seed=1, num_inference_steps=2, guidance_scale=4.0, appearance=Appearance(tau=-1.0))
    session.generate(structure_image, "a blue cat", **call)
    assert given and all(kept is None for kept in given)
    given.clear()
    monkeypatch.setattr("seal_sdk.planning.reworded", changed)
    session.generate(structure_image, "a red cat", **call)
    assert given and all(0 <= kept.min() < kept.max() - 0.2 < 0.8 for kept in given)
