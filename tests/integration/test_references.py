"""One subject known from several references."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from seal_sdk import Appearance, IdentitySession
from seal_sdk.cli.main import seal
from seal_sdk.errors import InputError, UnknownIdentity
from seal_sdk.generation.subject_tokens import SubjectTokens
from seal_sdk.generation.subjects import SubjectReference, merge_references
from seal_sdk.match_maps import stack
from seal_sdk.method.latent_transfer.reference_latents import ReferenceLatents

BOX = (20.0, 20.0, 100.0, 110.0)
FAST = dict(seed=3, num_inference_steps=4, appearance=Appearance(tau=-1.0, schedule="constant"))


@pytest.fixture
def session(tiny_pipeline, tmp_path, reference_image, structure_image):
    with IdentitySession(tiny_pipeline(), store=tmp_path / "store", enable_progress_bar=False) as session:
        for name, image in (("front", reference_image), ("back", structure_image)):
            session.register(image, prompt="a photo of one", name=name, box=BOX, timesteps=2)
        yield session


def pixels(generation):
    return np.asarray(generation.image)


def test_a_tuple_of_one_is_that_one(session, structure_image):
    given = dict(structure_box=BOX, **FAST)
    alone = session.generate(structure_image, "a photo", identity="front", **given)
    assert np.array_equal(
        pixels(alone), pixels(session.generate(structure_image, "a photo", identity=("front",), **given))
    )


def test_both_references_are_matched(session, reference_image):
    drawn = session.generate(
        reference_image, "a photo", identity=("front", "back"), structure_box=BOX, match_maps=True, **FAST
    )
    (shown,) = drawn.maps()
    rows = np.concatenate([each.sources // each.source_grid[1] for each in shown.matches])
    ends = np.concatenate([np.full(len(each.sources), each.source_grid[0]) for each in shown.matches])
    assert (rows < ends / 2).any() and (rows >= ends / 2).any()
    assert [each["name"] for each in drawn.settings[0]["references"]] == ["front", "back"]
    alone = session.generate(reference_image, "a photo", identity="front", structure_box=BOX, **FAST)
    assert not np.array_equal(pixels(drawn), pixels(alone))


def test_a_batch_draws_what_single_calls_draw(session, structure_image):
    whom = [("front", "back"), "front"]
    batch = session.generate([structure_image] * 2, "a photo", identity=whom, structure_box=BOX, **FAST)
    for number, identity in enumerate(whom):
        single = session.generate(
            structure_image, "a photo", identity=identity, structure_box=BOX, **FAST | {"seed": 3 + number}
        )
        assert np.array_equal(np.asarray(batch.images[number]), pixels(single))


def test_subjects_in_regions_may_have_several_references(session):
    left, right = (0, 16, 64, 120), (64, 16, 128, 120)
    drawn = session.generate(None, "a photo", identity={("front", "back"): left, "back": right}, **FAST)
    assert [each["name"] for each in drawn.settings[0]["identities"]] == ["front", "back", "back"]


def test_references_may_have_other_shapes(session, reference_image):
    wide = Image.new("RGB", (256, 128), "white")
    wide.paste(reference_image, (64, 0))
    session.register(wide, prompt="a photo", name="wide", box=(84, 20, 164, 110), timesteps=2)
    assert session.identities["wide"].size != (128, 128)
    drawn = session.generate(reference_image, "a photo", identity=("front", "wide"), structure_box=BOX, **FAST)
    assert drawn.coverage[0] > 0


def test_a_tuple_that_names_nobody_is_refused(session):
    with pytest.raises(InputError, match="at least one reference"):
        session.generate(None, "a photo", identity=(), **FAST)
    with pytest.raises(UnknownIdentity, match="fornt"):
        session.generate(None, "a photo", identity=("front", "fornt"), **FAST)


def infusion(size, stored=None, left=None):
    grid = (size[0] // 2, size[1] // 2)
    count = grid[0] * grid[1] if stored is None else len(stored)
    values = torch.randn(count, 8)
    read = {"up": (values, values)}
    return SubjectReference(
        lambda timestep: read,
        ReferenceLatents(torch.randn(1, 4, *size), torch.ones(1, 1, *size)),
        {"up": grid},
        None if stored is None else {"up": torch.tensor(stored)},
        {"up": torch.ones(count, dtype=torch.bool)},
        retention=left,
    )


def test_tokens_keep_their_places_below_each_other():
    first, second = infusion((8, 4)), infusion((4, 6), stored=[1, 5])
    both = merge_references([first, second])
    assert both.latents.latent_size == (12, 6) and both.grids == {"up": (6, 3)} and len(both.sources["up"]) == 10
    assert both.positions["up"].tolist() == [0, 1, 3, 4, 6, 7, 9, 10, 13, 17]
    latents, subject = both.latents.latents, both.latents.subject
    assert torch.equal(latents[..., :8, :4], first.latents.latents)
    assert torch.equal(latents[..., 8:, :], second.latents.latents)
    assert subject[..., 8:, :].all() and not subject[..., :8, 4:].any()
    key, value = both.key_values(0.0)["up"]
    assert torch.equal(key[:8], first.key_values(0.0)["up"][0])
    assert torch.equal(value[8:], second.key_values(0.0)["up"][1])
    assert merge_references([second]) is second and both.retention is None
    left = [{"up": torch.rand(8)}, {"up": torch.rand(2)}]
    changed = merge_references([infusion((8, 4), left=left[0]), infusion((4, 6), stored=[1, 5], left=left[1])])
    assert torch.equal(changed.retention["up"], torch.cat([each["up"] for each in left]))
    half = merge_references([infusion((8, 4)), infusion((4, 6), stored=[1, 5], left=left[1])])
    assert torch.equal(
        half.retention["up"], torch.cat([torch.ones(8), left[1]["up"]])
    )  # the prompt leaves the first as it is
    parts = both.latents.layouts(both.positions["up"], (6, 3))
    assert [(part.box.place.tolist(), part.box.size) for part in parts] == [
        ([0, 1, 2, 3, 4, 5, 6, 7], (4, 2)),
        ([0, 3], (2, 2)),
    ]
    assert both.latents.layouts(both.positions["up"], (6, 3)) is parts


def test_the_tokens_are_made_ready_once_per_cached_timestep():
    first, second = infusion((8, 4)), infusion((4, 6), stored=[1, 5])
    both = merge_references([first, second])
    assert both.key_values(0.0) is both.key_values(1.0)
    sources = torch.tensor([True, False] * 5)
    tokens = SubjectTokens(both.key_values, {"up": sources}, ["up"])
    made = tokens(0.0)
    assert tokens(1.0) is made
    assert torch.equal(made["up"].tokens.key, both.key_values(0.0)["up"][0][sources])
    assert made["up"].whole.tokens.key is both.key_values(0.0)["up"][0]
    assert tokens.select(both.places)["up"].tolist() == [0, 3, 6, 9, 13]
    assert SubjectTokens(both.key_values, None, ["up"])(0.0)["up"].whole is None


def test_such_an_image_can_be_explained(session, tmp_path, structure_image, monkeypatch):
    drawn = session.generate(structure_image, "a photo", identity=("front", "back"), structure_box=BOX, **FAST)
    drawn.image.save(tmp_path / "drawn.png")
    structure_image.save(tmp_path / "structure.png")
    monkeypatch.setattr("seal_sdk.IdentitySession", lambda *args, **given: session)
    seen = []
    monkeypatch.setattr("seal_sdk.match_maps.stack", lambda pictures: seen.append(stack(pictures)) or seen[0])
    given = ["--structure", str(tmp_path / "structure.png"), "--store", str(session.store.root), "--json"]
    done = CliRunner().invoke(seal, ["explain", str(tmp_path / "drawn.png"), "-o", str(tmp_path / "map.png"), *given])
    assert done.exit_code == 0 and '"same": true' in done.output, done.output
    assert seen[0].size == (128, 256) and Image.open(tmp_path / "map.png").size == (256, 256)
