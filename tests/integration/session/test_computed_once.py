"""Nothing is computed twice, and nothing that is not used."""

from __future__ import annotations

import numpy as np
import pytest
from fixtures.session_calls import BOX, FAST, counted, pixels, register

from seal_sdk import Appearance, DeltaBridge, IdentitySession, Structure
from seal_sdk.errors import ConfigError


def test_register_computes_one_row_per_timestep_and_the_second_time_nothing(session, reference_image):
    with counted(session.pipe) as first:
        identity = register(session, reference_image, timesteps=5)
    assert first == {"unet_rows": 5, "vae_encodes": 1}
    with counted(session.pipe) as second:
        again = register(session, reference_image, timesteps=5)
    assert second == {"unet_rows": 0, "vae_encodes": 0}
    assert again.digest == identity.digest


def test_a_later_session_gets_a_hit_and_draws_the_same(tiny_pipeline, tmp_path, reference_image, structure_image):
    class NoFinder:
        fingerprint, calls = "none", 0

        def find(self, image, what="reference"):
            raise AssertionError("nobody should be asked")

    images = []
    for _ in range(2):
        session = IdentitySession(tiny_pipeline(), store=tmp_path, subject=NoFinder(), enable_progress_bar=False)
        register(session, reference_image)
        with counted(session.pipe) as counts:
            drawn = session.generate(structure_image, "a cat", structure_box=BOX, seed=5, **FAST)
        assert counts["vae_encodes"] == 1  # the structure image: nothing of the reference
        assert counts["unet_rows"] == drawn.unet_rows
        images.append(pixels(drawn)[0])
    assert np.array_equal(*images)


def test_rows_are_computed_only_where_they_are_used(session, reference_image, structure_image):
    register(session, reference_image)

    def rows(**settings):
        return session.generate(
            structure_image, "a cat", structure_box=BOX, seed=5, num_inference_steps=10, **settings
        ).unet_rows

    off, none = DeltaBridge(strength=0), Structure(control="none")
    assert rows(guidance_scale=4.0, delta_bridge=off, structure_control=none) == 20
    assert rows(guidance_scale=1.0, delta_bridge=off, structure_control=none) == 10
    early = rows(guidance_scale=4.0, delta_bridge=DeltaBridge(strength=1, end=0.5, override=0), structure_control=none)
    assert 20 < early < 30
    whole = rows(guidance_scale=4.0, delta_bridge=off, structure_control=Structure(end=1.0))
    assert 20 < rows(guidance_scale=4.0, delta_bridge=off, structure_control=Structure(end=0.5)) < whole == 30
    app = rows(
        guidance_scale=4.0,
        delta_bridge=DeltaBridge(strength=1, base="app", end=0.5, override=0),
        structure_control=none,
    )
    assert app == early  # late in sampling the generation row is the one that nothing uses


def test_a_memory_budget_bounds_what_is_kept(tiny_pipeline, tmp_path, reference_image):
    def draw(budget):
        session = IdentitySession(
            tiny_pipeline(), store=tmp_path / "store", memory_budget=budget, enable_progress_bar=False
        )
        exact = Appearance(tokens="all", quantization="none")
        identity = register(session, reference_image, timesteps=3, appearance=exact)
        image = pixels(session.generate(None, "a cat", seed=1, num_inference_steps=6))[0]
        return image, session._cache.nbytes, identity.nbytes

    (none, kept_none, total), (one, kept_one, _), (whole, kept_whole, _) = draw(0), draw(300_000), draw(None)
    assert kept_none == 0 and kept_one <= 300_000 and kept_whole == total
    assert np.array_equal(none, one) and np.array_equal(one, whole)
    with pytest.raises(ConfigError, match="memory_budget"):
        draw(-1)


def test_a_read_only_store_serves_hits(session, tiny_pipeline, reference_image, monkeypatch):
    register(session, reference_image)
    monkeypatch.setattr(type(session.store), "tag", lambda *args, **kwargs: pytest.fail("the store was written to"))
    register(session, reference_image)


def test_a_generation_says_where_its_key_values_came_from(session, reference_image, structure_image):
    session.register(reference_image, prompt="a photo", name="one", box=BOX, timesteps=2)
    first = session.generate(structure_image, "a photo", structure_box=BOX, seed=1, **FAST)
    second = session.generate(structure_image, "a photo", structure_box=BOX, seed=1, **FAST)
    assert first.reads == {"disk": 2} and second.reads == {"memory": 2}
    assert first.timings["store_wait"] >= 0
