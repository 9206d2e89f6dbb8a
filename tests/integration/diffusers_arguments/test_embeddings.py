"""Embeddings take the place of words, as in diffusers, bit for bit."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from fixtures import diffusers_calls
from fixtures.diffusers_calls import FAST, SEEN, assert_draws_an_identity, by_diffusers, by_session, generator

from seal_sdk import DeltaBridge
from seal_sdk.backbone.conditioning import Conditioning, stack
from seal_sdk.cli.main import seal
from seal_sdk.errors import InputError


def embeds_of(session, prompt, negative="a dog"):
    """What the pipeline's own encode_prompt gives, by the names of ``generate``."""
    names = ["prompt_embeds", "negative_prompt_embeds", "pooled_prompt_embeds", "negative_pooled_prompt_embeds"]
    if not hasattr(session.pipe, "text_encoder_2"):
        return dict(zip(names, session.pipe.encode_prompt(prompt, "cpu", 1, True, negative), strict=False))
    with torch.no_grad():
        return dict(zip(names, session.pipe.encode_prompt(prompt, negative_prompt=negative), strict=True))


KINDS = {
    "all": dict(),
    "no negative": dict(negative_prompt_embeds=None, negative_pooled_prompt_embeds=None),
    "negative words": dict(
        negative_prompt_embeds=None, negative_pooled_prompt_embeds=None, negative_prompt="snow", negative_prompt_2="sun"
    ),
    "words": dict(prompt_embeds=None, pooled_prompt_embeds=None, prompt="a cat"),
    "no guidance": dict(guidance_scale=1.0),
}


@pytest.mark.parametrize("changed", KINDS.values(), ids=KINDS)
def test_embeddings_take_the_place_of_words(with_identity, changed):
    arguments = {**embeds_of(with_identity, "a red cat"), **changed}
    ours = by_session(with_identity, **arguments)
    assert np.array_equal(ours.image, by_diffusers(with_identity, **arguments)[0])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert_draws_an_identity(with_identity, **arguments)
    warned = [each for each in caught if "prompt_embeds have no words" in str(each.message)]
    assert len(warned) == ("prompt" not in changed and "guidance_scale" not in changed)
    assert all(each.filename == diffusers_calls.__file__ for each in warned)
    assert ours.settings[0]["prompt"] == changed.get("prompt")
    given = {name for name, value in arguments.items() if isinstance(value, torch.Tensor)}
    assert set(ours.settings[0]["embeds"]) == given


def test_embeddings_of_words_draw_what_the_words_draw(with_identity, structure_image):
    how = dict(
        appearance=SEEN, delta_bridge=DeltaBridge(override=0, quality=""), seed=2, structure_box=(20, 20, 100, 110)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        ours = with_identity.generate(structure_image, **embeds_of(with_identity, "a red cat"), **how, **FAST)
    words = with_identity.generate(structure_image, "a red cat", negative_prompt="a dog", **how, **FAST)
    assert ours.image.tobytes() == words.image.tobytes()


def test_a_batch_of_embeddings(session):
    embeds = [embeds_of(session, prompt) for prompt in ("a cat", "a dog")]
    together = {name: torch.cat([each[name] for each in embeds]) for name in embeds[0]}
    batch = by_session(session, **together, num_images_per_prompt=2, seed=[3, 4, 5, 3])
    assert np.array_equal(batch.images[0], by_diffusers(session, **embeds[0])[0])
    assert np.array_equal(batch.images[3], by_diffusers(session, **embeds[1])[0])


def test_an_image_of_embeddings_cannot_be_explained(with_identity, tmp_path):
    embeds = embeds_of(with_identity, "a red cat")
    drawn = with_identity.generate(None, **embeds, delta_bridge=DeltaBridge(override=0), seed=4, **FAST)
    drawn.image.save(tmp_path / "drawn.png")
    done = CliRunner().invoke(seal, ["explain", str(tmp_path / "drawn.png"), "-o", str(tmp_path / "maps.png")])
    assert done.exit_code and "drawn from embeddings" in done.output + str(done.exception)


def test_longer_prompts_than_the_text_encoders_read(with_identity):
    embeds = embeds_of(with_identity, "a red cat")
    long = {name: value if "pooled" in name else torch.cat([value, -value], 1) for name, value in embeds.items()}
    assert np.array_equal(by_session(with_identity, **long).image, by_diffusers(with_identity, **long)[0])
    assert_draws_an_identity(with_identity, **long, override=0)


def test_rows_with_repeated_tokens_predict_the_same(session):
    row = session.backbone.encode_prompt("a red cat", (128, 128))
    longer = Conditioning(torch.cat([row.embeds] * 2, 1), row.added)
    both = stack([row, longer])
    noisy = torch.randn((1, 4, 32, 32), generator=generator())
    with torch.no_grad():
        alone = session.backbone.predict(noisy, torch.tensor(500), row)
        together = session.backbone.predict(torch.cat([noisy] * 2), torch.tensor(500), both)
    assert torch.allclose(together[:1], alone, atol=1e-5) and torch.allclose(together[1:], alone, atol=1e-5)


def test_stable_diffusion_15_takes_embeddings_without_pooled_ones(sd15_session, reference_image):
    sd15_session.register(reference_image, prompt="a photo of a cat", name="cat", box=(20, 20, 100, 110))
    embeds = embeds_of(sd15_session, "a red cat")
    assert set(embeds) == {"prompt_embeds", "negative_prompt_embeds"}
    assert np.array_equal(by_session(sd15_session, **embeds).image, by_diffusers(sd15_session, **embeds)[0])
    assert_draws_an_identity(sd15_session, **embeds, override=0)
    with pytest.raises(InputError, match="no pooled embedding"):
        by_session(sd15_session, **embeds, pooled_prompt_embeds=torch.zeros(1, 4))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (dict(prompt="a cat"), "prompt= or prompt_embeds=, not both"),
        (dict(prompt_2="a cat"), "prompt_2= or prompt_embeds=, not both"),
        (dict(negative_prompt="a cat"), "negative_prompt= or negative_prompt_embeds=, not both"),
        (dict(pooled_prompt_embeds=None), "prompt_embeds and pooled_prompt_embeds go together"),
        (dict(negative_pooled_prompt_embeds=None), "negative_pooled_prompt_embeds go together"),
        (dict(prompt_embeds=None), "expected words"),
        (dict(prompt_embeds=None, prompt="a cat"), "prompt_embeds and pooled_prompt_embeds go together"),
        (dict(prompt_embeds=torch.zeros(77, 4)), r"\(B, T, D\)"),
        (dict(prompt_embeds="a cat"), r"\(B, T, D\)"),
        (dict(pooled_prompt_embeds=torch.zeros(2, 4)), "same length"),
        (dict(prompt_embeds=torch.zeros(1, 77, 4)), "last dimension"),
        (dict(pooled_prompt_embeds=torch.zeros(1, 3)), "last dimension"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
def test_what_are_no_embeddings_is_refused(session, changed, message):
    with pytest.raises(InputError, match=message):
        by_session(session, **{**embeds_of(session, "a cat"), **changed})


def test_embeddings_that_do_not_fit_each_other_are_refused(session):
    embeds = embeds_of(session, "a cat")
    with pytest.raises(InputError, match="must have one shape"):
        by_session(session, **{**embeds, "negative_prompt_embeds": embeds["negative_prompt_embeds"][:, :5]})
    with pytest.raises(InputError, match="finite"):
        by_session(session, **{**embeds, "prompt_embeds": embeds["prompt_embeds"] * torch.nan})


def test_neither_words_nor_embeddings(session):
    with pytest.raises(InputError, match="expected words"):
        by_session(session)
