"""What follows the progress of sampling counts on the whole schedule, though a picture skips its beginning."""

from __future__ import annotations

import pytest
from fixtures.pictures import BOX, OFF, PICTURE, SIZE

from seal_sdk.generation.denoise import DenoisingLoop


@pytest.fixture
def gammas(monkeypatch):
    seen = []
    rows = DenoisingLoop._rows
    monkeypatch.setattr(DenoisingLoop, "_rows", lambda *given: (seen.append(given[2]), rows(*given))[1])
    return seen


def test_it_counts_on_the_whole_schedule(session, gammas):
    session.generate(None, "a cat", seed=1, num_inference_steps=5, **SIZE, **OFF)
    whole = gammas.copy()
    assert whole == [0, 0.25, 0.5, 0.75, 1]
    for window, expected in (
        (dict(image=PICTURE, strength=0.6), whole[2:]),
        (dict(image=PICTURE, denoising_start=0.4), whole[2:]),
        (dict(denoising_end=0.6), whole[:3]),
    ):
        gammas.clear()
        session.generate(None, "a cat", seed=1, num_inference_steps=5, **SIZE, **OFF, **window)
        assert gammas == expected


def test_a_short_window_asks_for_no_more_than_it_samples(session, reference_image):
    session.register(reference_image, prompt="a photo of a cat", name="cat", box=BOX, timesteps=[900, 500, 100])
    drawn = session.generate(None, "a cat", image=PICTURE, strength=0.25, num_inference_steps=8, seed=1)
    assert drawn.timestep_distance[0] < 110  # only the last two of eight, near the anchor at 100
    assert drawn.settings[0]["strength"] == 0.25
