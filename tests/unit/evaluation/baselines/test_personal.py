"""Baselines that learn each subject learn something, keep little, and leave the model as it was."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from fixtures.tiny_question import ask

from seal_sdk import IdentitySession
from seal_sdk.errors import ConfigError
from seal_sdk.evaluation import METHODS, run, triples
from seal_sdk.evaluation.baselines import BASELINES, Baseline, draw
from seal_sdk.evaluation.baselines.class_words import with_word
from seal_sdk.evaluation.baselines.dreambooth_lora import DreamBooth
from seal_sdk.evaluation.baselines.fitting import Fitting, denoising_loss, fit_parameters, reference_latents
from seal_sdk.evaluation.baselines.personal import PersonalDrawer
from seal_sdk.evaluation.baselines.textual_inversion import TextualInversion

QUICK = {
    "dreambooth-lora": DreamBooth(Fitting(2, 1e-2), rank=2, prior=2, prior_steps=1),
    "textual-inversion": TextualInversion(Fitting(2, 1e-1), vectors=1),
}
each_baseline = pytest.mark.parametrize("name", QUICK)


@pytest.fixture(scope="module")
def triple():
    return next(triples([400_002], ("mesh",)))


@pytest.fixture(scope="module")
def question(session, triple):
    return ask(session, triple, 64)


def state(pipe):
    """All that a training or a picture might leave changed in the models."""
    models = [pipe.unet, pipe.text_encoder, pipe.text_encoder_2, pipe.vae]
    return {
        "modules": [(name, type(part), id(part)) for model in models for name, part in model.named_modules()],
        "hooks": [
            len(part._forward_hooks) + len(part._forward_pre_hooks) for model in models for part in model.modules()
        ],
        "grads": [(each.requires_grad, each.grad) for model in models for each in model.parameters()],
        "weights": [each.clone() for model in models for each in model.state_dict().values()],
        "training": [model.training for model in models],
        "tokens": (len(pipe.tokenizer), len(pipe.tokenizer_2)),
        "adapters": getattr(pipe.unet, "peft_config", None),
        "random": torch.get_rng_state().tolist(),
    }


def assert_same(before, after):
    weights = zip(before.pop("weights"), after.pop("weights"), strict=True)
    assert all(torch.equal(*pair) for pair in weights)
    assert before == after


def plain(session, question):
    return draw(session.backbone, Baseline(), question, lambda: session.segmenter)


@each_baseline
def test_it_draws_what_it_learned_and_the_model_is_afterwards_as_it_was(session, question, name):
    nothing, before = plain(session, question), state(session.pipe)
    drawn = PersonalDrawer(session, QUICK[name]).draw(question)
    assert_same(before, state(session.pipe))
    assert np.array_equal(plain(session, question), nothing)
    untrained = replace(QUICK[name], fitting=Fitting(1, 1e-12))
    assert not np.array_equal(drawn, PersonalDrawer(session, untrained).draw(question))
    assert np.array_equal(drawn, PersonalDrawer(session, QUICK[name]).draw(question))  # learned anew


@each_baseline
def test_the_loss_on_the_reference_falls(session, question, name):
    baseline = replace(QUICK[name], fitting=Fitting(12, 3e-2))
    first, last = baseline.learn(session, question.identity, [1, 12])
    backbone, size = session.backbone, (128, 128)
    latents = reference_latents(backbone, question.identity, size).expand(8, -1, -1, -1)

    @torch.no_grad()
    def loss(learned):
        with baseline.applied(backbone, learned):
            rows = [backbone.encode_prompt(baseline.ask(question.identity.prompt), size)] * 8
            return float(denoising_loss(backbone, latents, rows, torch.Generator().manual_seed(1)))

    assert loss(last) < loss(first) - 1e-4


@each_baseline
@pytest.mark.parametrize("where", ["learning", "drawing"])
def test_the_model_is_as_it_was_after_a_failure_too(session, question, name, where, monkeypatch):
    drawer, before = PersonalDrawer(session, QUICK[name]), state(session.pipe)
    if where == "drawing":
        drawer.prepare(question.identity)
    drawn_first = 2 if (name, where) == ("dreambooth-lora", "learning") else 0  # of the class
    forwards = []

    def full(_module, _args):
        forwards.append(1)
        if len(forwards) > 1 + drawn_first:
            raise RuntimeError("full")

    handle = session.pipe.unet.conv_out.register_forward_pre_hook(full)
    try:
        with pytest.raises(RuntimeError, match="full"):
            drawer.draw(question)
    finally:
        handle.remove()
    assert_same(before, state(session.pipe))


@each_baseline
def test_a_subject_is_learned_once_for_every_prompt_and_again_if_its_own_differs(session, triple, question, name):
    lessons = []

    class Counting(type(QUICK[name])):
        def learn(self, session, identity, steps):
            lessons.append(identity.prompt)
            return super().learn(session, identity, steps)

    drawer = PersonalDrawer(session, Counting(**vars(QUICK[name])))
    drawer.prepare(question.identity)
    stored_otherwise = session.register(
        triple.reference.image, prompt=triple.reference_prompt, name="it", mask=triple.reference.mask, timesteps=2
    )
    assert stored_otherwise.digest != question.identity.digest
    drawer.prepare(stored_otherwise)
    drawer.draw(replace(question, prompt=question.prompt.replace("a photo", "a picture")))
    assert len(lessons) == 1
    other = triple.reference_prompt.replace("a photo of a", "a photo of a green")
    drawer.prepare(
        session.register(triple.reference.image, prompt=other, name="it", mask=triple.reference.mask, timesteps=1)
    )
    assert lessons[1:] == [other]


def test_dreambooth_keeps_its_loras_matrices(session, question):
    unet = session.pipe.unet
    layers = [part for name, part in unet.named_modules() if name.endswith(("to_q", "to_k", "to_v", "to_out.0"))]
    numbers = sum(2 * (part.in_features + part.out_features) for part in layers)  # of rank 2
    assert PersonalDrawer(session, QUICK["dreambooth-lora"]).prepare(question.identity) == 2 * numbers
    (learned,) = QUICK["dreambooth-lora"].learn(session, question.identity, [2])
    assert (learned.trained_rows, learned.drawn_rows) == (2 * 4, 2 * 2 * 1) and learned.seconds > 0


def test_textual_inversion_keeps_an_embedding_for_each_text_encoder(session, question):
    one, three = QUICK["textual-inversion"], replace(QUICK["textual-inversion"], vectors=3)
    assert PersonalDrawer(session, one).prepare(question.identity) == 2 * (32 + 32)
    assert PersonalDrawer(session, three).prepare(question.identity) == 3 * 2 * (32 + 32)
    (learned,) = one.learn(session, question.identity, [2])
    assert (learned.trained_rows, learned.drawn_rows) == (8, 0)
    assert {name: each.shape for name, each in learned.tensors.items()} == {
        "text_encoder": (1, 32),
        "text_encoder_2": (1, 32),
    }


def test_the_words_places_read_their_own_embeddings_and_other_words_none(session, question):
    baseline = replace(QUICK["textual-inversion"], vectors=2)
    (learned,) = baseline.learn(session, question.identity, [1])
    table = session.pipe.text_encoder.get_input_embeddings()
    token = session.pipe.tokenizer("*", add_special_tokens=False).input_ids[0]
    ids = torch.tensor([[5, token, 7, token], [1, 2, 3, 4]])
    with torch.no_grad(), baseline.applied(session.backbone, learned):
        found = table(ids)
    expected = table.weight.detach()[ids].clone()
    expected[0, 1], expected[0, 3] = learned.tensors["text_encoder"]
    assert torch.equal(found, expected) and not torch.equal(expected[0, 1], expected[0, 3])


def test_the_embedding_starts_from_the_classs_word(session, question):
    start = TextualInversion(Fitting(1, 1e-12)).learn(session, question.identity, [1])[0].tensors["text_encoder"]
    noun = next(each for each in ("cat", "dog", "horse", "bird", "person") if each in question.identity.prompt)
    ids = session.pipe.tokenizer(noun, add_special_tokens=False).input_ids
    assert torch.allclose(start[0], session.pipe.text_encoder.get_input_embeddings().weight[ids].mean(0), atol=1e-6)


def test_prompts_get_the_subjects_word():
    assert DreamBooth().ask("a photo of a blue cat on snow") == "a photo of a blue sks cat on snow"
    assert TextualInversion(vectors=1).ask("a photo of a person in a top") == "a photo of a * in a top"
    assert TextualInversion(vectors=2).ask("A Cat") == "A * *"
    assert with_word("scattered dogs", "sks", ("cat", "dog")) == "sks, scattered dogs"
    with pytest.raises(ConfigError, match=r"take it out of the prompt 'a \* cat'"):
        TextualInversion().ask("a * cat")


def test_what_cannot_be_learned_is_told_before_anything_is_drawn(tiny_pipeline, tmp_path, reference_image, monkeypatch):
    with IdentitySession(tiny_pipeline(), store=tmp_path, enable_progress_bar=False) as session:
        mask = np.ones((128, 128), bool)
        thing = session.register(reference_image, prompt="a photo of a thing", name="thing", mask=mask, timesteps=1)
        with pytest.raises(ConfigError, match="'a photo of a thing' has none of the words cat, dog"):
            PersonalDrawer(session, QUICK["textual-inversion"]).prepare(thing)
        monkeypatch.setattr("seal_sdk.evaluation.baselines.textual_inversion.WORD", "**")
        with pytest.raises(ConfigError, match="tokenizer of text_encoder takes"):
            BASELINES["textual-inversion"](session)
        from peft import LoraConfig

        session.pipe.unet.add_adapter(LoraConfig(r=2, target_modules=["to_q"]), "mine")
        with pytest.raises(ConfigError, match=r"adapters \(mine\); fuse them first"):
            BASELINES["dreambooth-lora"](session)
        monkeypatch.setattr("seal_sdk.evaluation.baselines.dreambooth_lora.find_spec", lambda name: None)
        with pytest.raises(ConfigError, match="pip install peft"):
            BASELINES["dreambooth-lora"](session)
    with pytest.raises(ConfigError, match="at least 1"):
        Fitting(0, 1e-3)


def test_a_training_is_ended_by_its_last_snapshot_and_finds_the_least_loss():
    def loss(generator):
        return (parameter - 3).square().sum()

    parameter = torch.nn.Parameter(torch.zeros(4))
    early, late = fit_parameters({"it": parameter}, Fitting(7, 0.1, weight_decay=0.0), loss, [2, 100])
    assert torch.allclose(early.tensors["it"], torch.full((4,), 0.2), atol=1e-3)  # Adam's steps are as long as its rate
    assert torch.allclose(late.tensors["it"], torch.full((4,), 3.0), atol=0.1)
    assert late.seconds > early.seconds and parameter.grad is not None


def test_the_benchmark_learns_a_subject_once_for_all_its_pictures(session, triple, monkeypatch):
    lessons = []
    drawers = {name: PersonalDrawer(session, baseline) for name, baseline in QUICK.items()}
    monkeypatch.setattr(
        "seal_sdk.evaluation.baselines.dreambooth_lora.fit_parameters",
        lambda *given: (lessons.append(given), fit_parameters(*given))[1],
    )
    methods, sampling = [METHODS[name] for name in (*QUICK, "concat")], {"num_inference_steps": 1}
    asked = [
        replace(triple, prompt=f"a photo of a {triple.identity.species} {place}") for place in ("on snow", "at night")
    ]
    for each in asked:
        scores = run(session, [each], methods, boxes="true", sampling=sampling, drawers=drawers)
        assert len({score.image.tobytes() for score in scores}) == 3
    assert len(lessons) == 1 and list(drawers) == [*QUICK, "concat"]  # opened once, and there for the next run
