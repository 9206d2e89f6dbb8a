"""Match maps: what was infused from where, summed up and drawn."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from seal_sdk import Appearance, IdentitySession
from seal_sdk.errors import ConfigError
from seal_sdk.match_maps import LayerMatches, MatchMap
from store import IdentityStore

FAST = dict(num_inference_steps=2, seed=7)
BOX = (30.0, 30.0, 100.0, 110.0)


def matches(grid, targets, sources, similarity, tau=0.5, source_grid=(2, 2)):
    arrays = (np.array(targets), np.array(sources), np.array(similarity))
    return LayerMatches(0, "mid", grid, source_grid, *arrays, tau)


def test_a_map_is_the_mean_over_layers_on_the_finest_grid():
    coarse = matches((1, 1), [0], [3], [0.9])
    fine = matches((2, 2), [0, 1], [0, 1], [0.7, 0.1])
    shown = MatchMap.of([coarse, fine])
    np.testing.assert_allclose(shown.share, [[1.0, 0.5], [0.5, 0.5]])
    np.testing.assert_allclose(shown.similarity, [[0.8, 0.5], [0.9, 0.9]])
    np.testing.assert_allclose(shown.source[0, 0], [0.5, 0.5])  # between the middle of the first and of the last token
    np.testing.assert_allclose(shown.source[0, 1], [0.75, 0.75])  # the match below tau does not count


def test_what_was_never_infused_has_no_source():
    shown = MatchMap.of([matches((1, 2), [1], [0], [0.2])])
    assert not shown.share.any() and np.isnan(shown.source).all()
    assert np.isnan(shown.similarity[0, 0]) and shown.similarity[0, 1] == 0.2


def test_the_drawing_shows_matched_places_in_one_colour():
    grey = Image.new("RGB", (64, 64), (128, 128, 128))
    shown = MatchMap.of([matches((2, 2), [0, 1, 2, 3], [3, 1, 2, 0], [0.9] * 4)])
    sheet = np.asarray(shown.draw(grey, grey)).astype(int)
    assert sheet.shape == (128, 128, 3)
    reference, image = sheet[:64, :64], sheet[:64, 64:]
    assert abs(image[16, 16] - reference[48, 48]).max() < 12  # the image's first token came from the reference's last
    assert abs(image[16, 16] - reference[16, 16]).max() > 60


@pytest.fixture
def session(tiny_pipeline, tmp_path, reference_image):
    with IdentitySession(tiny_pipeline(), store=IdentityStore(tmp_path / "store")) as opened:
        opened.register(reference_image, prompt="a photo", name="one", box=BOX)
        yield opened


@pytest.mark.parametrize("per_head", [False, True])
def test_a_generation_carries_its_matches_on_demand(session, reference_image, per_head):
    settings = dict(structure_box=BOX, appearance=Appearance(tau=-1.0, schedule="constant", per_head=per_head), **FAST)
    plain = session.generate(reference_image, "a photo", **settings)
    kept = session.generate([reference_image, None], "a photo", match_maps=True, **settings)
    assert kept.images[0].tobytes() == plain.image.tobytes()  # looking changes nothing
    first, second = kept.maps()
    inside = np.isfinite(first.similarity)
    assert inside.any() and not inside.all() and (first.share[inside] > 0).all()
    assert first.source[inside].min() >= 0 and first.source[inside].max() <= 1
    assert {each.step for each in second.matches} == {0, 1}
    assert {each.step for each in kept.maps(step=1, layer="mid_block")[0].matches} == {1}
    with pytest.raises(ConfigError, match="match_maps=True"):
        plain.maps()
    with pytest.raises(ConfigError, match="step=9"):
        kept.maps(step=9)


def test_without_gating_every_token_is_a_candidate(session, reference_image):
    settings = Appearance(tau=-1.0, schedule="constant", gating="none")
    session.register(reference_image, prompt="a photo", name="whole", box=BOX, appearance=settings)
    drawn = session.generate(None, "a photo", appearance=settings, match_maps=True, **FAST)
    for each in drawn.maps()[0].matches:
        assert each.targets.tolist() == list(range(each.grid[0] * each.grid[1]))
        assert each.sources.max() < each.source_grid[0] * each.source_grid[1]
