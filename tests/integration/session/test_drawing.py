"""What a session draws: batches equal singles, and an infused identity changes the image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from fixtures.session_calls import BOX, FAST, pixels, register

from seal_sdk import Appearance, DeltaBridge, IdentitySession


def test_a_batch_draws_what_single_calls_draw(session, reference_image, structure_image):
    register(session, reference_image)
    prompts = ["a cat on snow", "a cat at night", "a cat in a forest"]
    structures = [structure_image, None, structure_image]
    batch = session.generate(structures, prompts, structure_box=BOX, seed=[3, 4, 5], **FAST)
    singles = [
        session.generate(structure, prompt, structure_box=BOX, seed=seed, **FAST)
        for structure, prompt, seed in zip(structures, prompts, [3, 4, 5], strict=True)
    ]
    assert batch.seeds == [3, 4, 5]
    for together, alone in zip(pixels(batch), singles, strict=True):
        assert np.array_equal(together, pixels(alone)[0])


def test_several_images_per_prompt_take_following_seeds(session, reference_image):
    register(session, reference_image)
    batch = session.generate(None, ["a cat", "a dog"], num_images_per_prompt=2, seed=10, **FAST)
    assert batch.seeds == [10, 11, 12, 13]
    assert [each["prompt"] for each in batch.settings] == ["a cat", "a cat", "a dog", "a dog"]
    assert np.array_equal(pixels(batch)[3], pixels(session.generate(None, "a dog", seed=13, **FAST))[0])


def test_a_generator_is_a_seed(session, reference_image):
    register(session, reference_image)
    by_seed = session.generate(None, "a cat", seed=8, **FAST)
    by_generator = session.generate(None, "a cat", generator=torch.Generator().manual_seed(8), **FAST)
    assert np.array_equal(pixels(by_seed)[0], pixels(by_generator)[0])
    assert by_generator.seeds == [None]


def test_infusion_changes_the_image_and_reports_its_coverage(session, reference_image, structure_image):
    register(session, reference_image)
    arguments = dict(structure_box=BOX, seed=2, delta_bridge=DeltaBridge(strength=0), **FAST)
    plain = session.generate(structure_image, "a cat", appearance=Appearance(delta=0), **arguments)
    gated = session.generate(structure_image, "a cat", appearance=Appearance(tau=-1.0), **arguments)
    unreachable = session.generate(
        structure_image, "a cat", appearance=Appearance(tau=1.0, schedule="constant"), **arguments
    )
    assert not np.array_equal(pixels(plain)[0], pixels(gated)[0])
    assert gated.coverage[0] > 0.9 and unreachable.coverage == [0.0]
    assert np.array_equal(pixels(plain)[0], pixels(unreachable)[0])


def test_state_dict_goes_on_where_it_was(session, tiny_pipeline, tmp_path, reference_image):
    register(session, reference_image)
    session.appearance = replace(session.appearance, delta=1.5, layers=("mid",))
    state = session.state_dict()
    expected = session.generate(None, "a cat", **FAST)
    other = IdentitySession(tiny_pipeline(), store=tmp_path / "store", enable_progress_bar=False)
    other.load_state_dict(state)
    drawn = other.generate(None, "a cat", **FAST)
    assert drawn.seeds == expected.seeds
    assert np.array_equal(pixels(drawn)[0], pixels(expected)[0])
