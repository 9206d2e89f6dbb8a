"""Step callbacks read and change latents and embeddings as in diffusers, bit for bit."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from fixtures.diffusers_calls import generator
from fixtures.step_callbacks import (
    IDS,
    NAMES,
    XL,
    by_diffusers,
    by_session,
    changed_halfway,
    halved_guidance,
    named,
    steps,
)

from seal_sdk.callbacks import StepCallback
from seal_sdk.generation.infusion_step import Step


def in_place(family):
    def change(pipe, index, tensors):
        if index == 1:
            tensors["prompt_embeds"].mul_(0.5)

    return steps(change, NAMES[family])


def longer(family):
    def change(pipe, index, tensors):
        return {"prompt_embeds": torch.cat([tensors["prompt_embeds"]] * 2, 1)} if index == 1 else None

    return steps(change, NAMES[family])


CHANGES = {"halfway": changed_halfway, "cut": halved_guidance, "in place": in_place, "longer": longer}


@pytest.mark.parametrize("family", NAMES)
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_a_callback_returns_is_what_later_steps_use(open_session, family, change):
    with open_session(family) as session:
        given = dict(negative_prompt="a dog", **(IDS if family == "xl" else {}))
        ours = by_session(session, **given, **change(family))
        assert np.array_equal(ours.image, by_diffusers(session, **given, **change(family)))
        assert not np.array_equal(ours.image, by_session(session, **given).image)


@pytest.mark.parametrize("scale", [4.0, 1.0], ids=["guided", "unguided"])
@pytest.mark.parametrize("family", NAMES)
def test_reading_gives_diffusers_tensors_and_changes_nothing(open_session, family, scale):
    seen = []
    given = dict(guidance_scale=scale, negative_prompt="a dog", **(IDS if family == "xl" else {}))
    read = steps(lambda pipe, index, tensors: seen.append({name: each.clone() for name, each in tensors.items()}), None)
    with open_session(family) as session:
        ours = by_session(session, **given, **read, **named(NAMES[family]))
        assert np.array_equal(ours.image, by_session(session, **given).image)
        by_diffusers(session, **given, **read, **named(NAMES[family]))
    count = len(seen) // 2
    assert count >= 4 and set(seen[0]) == {"latents", *NAMES[family]}
    assert len(seen[0]["prompt_embeds"]) == (2 if scale > 1 else 1)
    for mine, theirs in zip(seen[:count], seen[count:], strict=True):
        assert all(torch.equal(mine[name], theirs[name]) and mine[name].dtype == theirs[name].dtype for name in theirs)


@pytest.mark.parametrize("family", NAMES)
@pytest.mark.parametrize("change", [changed_halfway, halved_guidance])
def test_a_batch_draws_what_single_calls_draw(open_session, family, change):
    """Each image gets its own rows. The change is the same for all of one kind, so that it can be made of one image alone."""

    def by_kind(pipe, index, tensors):
        if index != 1:
            return None
        return {name: torch.cat([each * 0.5 for each in tensors[name].chunk(2)]) for name in NAMES[family]}

    how = steps(by_kind, NAMES[family]) if change is changed_halfway else change(family)
    how |= IDS if family == "xl" else {}
    with open_session(family) as session:
        negatives = ["a horse", "snow"]
        batch = by_session(session, ["a cat", "a dog"], negative_prompt=negatives, seed=[3, 4], **how)
        for image, prompt, negative, seed in zip(batch.images, ["a cat", "a dog"], negatives, [3, 4], strict=True):
            alone = by_session(session, prompt, negative_prompt=negative, seed=seed, **how)
            assert np.array_equal(image, alone.image)
            theirs = by_diffusers(session, prompt=prompt, negative_prompt=negative, generator=generator(seed), **how)
            assert np.array_equal(image, theirs)


def test_the_rows_of_a_batch_are_unconditional_first(session):
    seen = []
    words = dict(negative_prompt=["a horse", "snow"])
    by_session(session, ["a cat", "a dog"], **words, **IDS, **steps(lambda *given: seen.append(given[-1]), XL))
    encode = partial(session.pipe.encode_prompt, device="cpu")
    with torch.no_grad():
        pairs = [
            encode(cat, negative_prompt=no) for cat, no in zip(["a cat", "a dog"], ["a horse", "snow"], strict=True)
        ]
    assert torch.equal(seen[0]["prompt_embeds"], torch.cat([pair[i] for i in (1, 0) for pair in pairs]))
    assert torch.equal(seen[0]["add_text_embeds"], torch.cat([pair[i] for i in (3, 2) for pair in pairs]))
    assert seen[0]["add_time_ids"].tolist() == [[32, 32, 0, 0, 96, 64]] * 2 + [[64, 64, 0, 0, 64, 64]] * 2


def test_nothing_is_assembled_that_the_callback_does_not_name():
    asked = []

    class Tensors:
        latents = torch.zeros(1)

        def clean(self):
            raise AssertionError("nobody asked for it")

        def read(self, names):
            asked.append(tuple(names))
            return {}

        def change(self, given):
            assert not given

    for callback in (None, lambda *given: {}):
        StepCallback(callback, ["latents"], XL)(None, lambda *told: None, Step(0, torch.tensor(1), 0.0, 1.0), Tensors())
    assert asked == [("latents",)]
