"""Prompt edits in whole images: what they cost, and what they change."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from fixtures.pipeline_states import compiled, fused, small

from seal_sdk import Appearance, DeltaBridge, IdentitySession
from seal_sdk.backbone.conditioning import Conditioning
from seal_sdk.backbone.hooks import Hooks
from seal_sdk.errors import ConfigError
from seal_sdk.generation.meter import Meter
from seal_sdk.generation.prompt_edits import (
    MAX_EDITS,
    NOISE_LEVELS,
    EditedReference,
    ReferenceReader,
    SubjectPrompt,
    edit_reference,
)
from seal_sdk.method.infusion import infuse
from seal_sdk.method.noise_level import NoiseLevel
from seal_sdk.method.prompt_edit.latent_edit import ADDED
from seal_sdk.method.prompt_edit.probes import Probe
from seal_sdk.modular import DeltaBridgeGuidance

BOX = (20.0, 20.0, 100.0, 110.0)
OFF = DeltaBridge(override=0)
SEEN = Appearance(tau=-1.0)
ONE_EDIT = 2 * len(
    NOISE_LEVELS
)  # two texts at each noise level; before, a row that attention is read from where the sentence does not tell


class Model:
    """Predicts the clean latents of each text, whatever the noise."""

    train_timesteps = 1000
    dtype = torch.float32

    def __init__(self, predictions):
        self.predictions, self.texts, self.asked = predictions, [], []

    def hooks(self):
        return Hooks()

    def cross_attention_layers(self):
        return ()

    @property
    def words(self):
        return SimpleNamespace(token_counts=list)  # the words themselves, for the fake below

    def noise_level(self, timestep):
        self.asked.append(timestep)
        return NoiseLevel.from_alpha_bar(1 - timestep / 1000, "sample")

    def encode(self, text):
        self.texts.append(text)
        return Conditioning(self.predictions.get(text, torch.zeros(1, 4, 8, 8)).flatten(2))

    def predict(self, noisy, timestep, conditioning):
        return conditioning.embeds.view_as(noisy)


@pytest.fixture
def subject():
    subject = torch.zeros(1, 1, 8, 8)
    subject[..., 2:6, 2:6] = 1.0
    return subject


@pytest.fixture
def reader(subject, monkeypatch):
    """reader(predictions, **ratios): of a reference that is all zeros. ratios: of attention, by word; 1 for the others."""

    def build(predictions=(), **ratios):
        def read(hooks, layers, subject, words, run):
            run()
            return [ratios.get(word, 1.0) for word in words]

        monkeypatch.setattr("seal_sdk.generation.prompt_edits.attention_ratios", read)
        model = Model(dict(predictions))
        return ReferenceReader(model, torch.zeros(1, 4, 8, 8), subject, model.encode, Meter())

    return build


def test_words_with_the_most_attention_are_asked_about(reader):
    given = reader(blue=1.2, shiny=3.0, old=1.05, sad=2.0, big=1.5, cat=9.0)
    found = given.find_probes("a cat", SubjectPrompt("((big old blue shiny sad cat)) on a beach..."))
    assert [each.word for each in found] == ["shiny", "sad", "big"] and len(found) == MAX_EDITS
    assert given.meter.unet_rows == 1 and given.backbone.asked == [799]
    assert given.backbone.texts == ["( ( big old blue shiny sad cat ) ) on a beach . . ."]  # one token for each mark


def test_a_prompt_without_new_words_is_not_even_read(reader):
    given = reader()
    assert given.find_probes("a cat on the snow", SubjectPrompt("A cat, on snow!")) == [] and given.meter.unet_rows == 0


def test_each_text_is_asked_about_once_at_each_noise_level(reader, subject):
    blue = Probe("blue", "a blue cat", "a cat")
    shiny = Probe("shiny", "a shiny cat", "a cat")
    given = reader({"a blue cat": subject.expand(1, 4, 8, 8)})
    first, second = given.ask([blue, shiny])
    assert given.meter.unet_rows == 3 * 3 and given.backbone.asked == [799, 899, 699]
    assert torch.equal(first.change, subject.expand(1, 4, 8, 8)) and not second.change.any()


@pytest.mark.parametrize("strength", [0.0, 1.0, 2.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_the_reference_moves_by_strength_times_what_was_read(reader, subject, strength, dtype):
    given = reader({"a blue cat": subject * torch.tensor([0.0, 1.0, 0.0, 0.0]).view(1, 4, 1, 1)})
    given = ReferenceReader(given.backbone, given.latents.to(dtype), subject.to(dtype), given.encode, given.meter)
    edited = edit_reference(given, [Probe("blue", "a blue cat", "a cat")], strength)
    assert edited.latents.dtype == edited.mask.dtype == dtype and edited.redrawn is None
    assert torch.allclose(edited.mask.float(), subject, atol=1e-2)
    assert torch.allclose(
        edited.latents[:, 1].float(), strength * (1 + ADDED.contrast) * subject[:, 0], rtol=1e-2, atol=1e-3
    )
    assert not edited.latents[:, [0, 2, 3]].any()


@pytest.mark.parametrize("override", [-1, float("nan"), float("inf"), "2"])
def test_override_is_a_finite_number(override):
    with pytest.raises(ConfigError, match="override="):
        DeltaBridge(override=override)


def test_the_guider_has_the_same_defaults():
    assert DeltaBridgeGuidance().delta_bridge == DeltaBridge()


@pytest.fixture
def all_words(monkeypatch):
    """Every word acts on the subject; of a model with random weights none surely does."""

    def ratios(hooks, layers, subject, token_counts, run):
        run()
        return [2.0] * len(token_counts)

    monkeypatch.setattr("seal_sdk.generation.prompt_edits.attention_ratios", ratios)


@pytest.fixture
def believed(monkeypatch):
    """Every edit is surely of the subject."""
    for name in ("edit_confidence", "pattern_confidence"):
        monkeypatch.setattr(f"seal_sdk.method.prompt_edit.latent_edit.{name}", lambda *given: torch.tensor(1.0))


@pytest.fixture
def opened(tiny_pipeline, tmp_path, reference_image):
    sessions = []

    def open_session(change=lambda pipe: pipe, dtype=torch.float32):
        folder = tmp_path / f"store{len(sessions)}"
        session = IdentitySession(change(tiny_pipeline().to(dtype=dtype)), store=folder, enable_progress_bar=False)
        sessions.append(session)
        session.register(reference_image, prompt="a blue cat", name="one", box=BOX, timesteps=2)
        return session

    yield open_session
    for session in sessions:
        session.close()


@pytest.fixture
def draw(structure_image):
    def draw(session, prompt="a red cat", override=1.0, **settings):
        call = dict(structure_box=BOX, seed=1, num_inference_steps=4, guidance_scale=4.0, output_type="latent")
        call |= dict(appearance=SEEN, delta_bridge=DeltaBridge(override=override)) | settings
        return session.generate(structure_image, prompt, **call)

    return draw


@pytest.mark.usefixtures("all_words")
def test_an_edit_costs_its_rows_once_and_only_where_it_is_used(opened, draw):
    session = opened()

    def extra(prompt="a red cat", count=1, **settings):
        """Rows beyond those without prompt edits."""
        settings |= dict(num_images_per_prompt=count, num_inference_steps=2)
        return draw(session, prompt, **settings).unet_rows - draw(session, prompt, override=0.0, **settings).unet_rows

    assert extra("a shiny cat", count=2) == extra() == ONE_EDIT  # the sentence tells
    assert extra() == extra(count=2) == 0  # remembered
    assert extra("a red shiny cat") == 1 + 3 * len(NOISE_LEVELS)  # without red, without shiny, and with both
    assert extra("A BLUE cat, of the cat!") == 0  # no new word
    assert extra(appearance=Appearance(detail=0)) == extra(appearance=Appearance(delta=0)) == 0
    assert extra(guidance_scale=1.0) == 0
    with_bridge, without = (draw(session, delta_bridge=DeltaBridge(strength=0, override=each)) for each in (1, 0))
    assert with_bridge.unet_rows == without.unet_rows


@pytest.mark.parametrize("ratio", [1.0, 2.0])
def test_words_that_act_elsewhere_cost_the_row_that_tells(opened, draw, monkeypatch, ratio):
    """None stands out from the others, however much of the attention lies inside of the subject."""

    def ratios(hooks, layers, subject, token_counts, run):
        run()
        return [ratio] * len(token_counts)

    monkeypatch.setattr("seal_sdk.generation.prompt_edits.attention_ratios", ratios)
    session = opened()
    read, plain = (draw(session, "a blue cat in red", override=each) for each in (1.0, 0.0))
    assert read.unet_rows == plain.unet_rows + 1 and torch.equal(read.image, plain.image)


@pytest.mark.usefixtures("believed")
def test_a_word_that_stands_out_is_asked_about(opened, draw, monkeypatch):
    def ratios(hooks, layers, subject, token_counts, run):
        run()
        return [*[1.0] * (len(token_counts) - 1), 2.0]  # "red"

    monkeypatch.setattr("seal_sdk.generation.prompt_edits.attention_ratios", ratios)
    session = opened()
    read, plain = (draw(session, "a blue cat in red", override=each) for each in (1.0, 0.0))
    assert read.unet_rows == plain.unet_rows + 1 + ONE_EDIT and not torch.equal(read.image, plain.image)


@pytest.mark.usefixtures("believed")
def test_a_negative_prompt_takes_the_references_word_away(opened, draw):
    """Six rows and no other: the sentence tells what is meant. Words that the reference's prompt lacks take nothing away."""
    session = opened()
    given = dict(prompt="a cat", num_inference_steps=2)
    plain, without = (draw(session, negative_prompt="blue", override=each, **given) for each in (0.0, 1.0))
    assert without.unet_rows == plain.unet_rows + 2 * len(NOISE_LEVELS)
    assert not torch.equal(without.image, plain.image)
    for negative in ("blurry, low quality", None):
        plain, same = (draw(session, negative_prompt=negative, override=each, **given) for each in (0.0, 1.0))
        assert same.unet_rows == plain.unet_rows and torch.equal(same.image, plain.image)


@pytest.mark.usefixtures("all_words", "believed")
def test_a_prompt_that_says_nothing_new_changes_nothing_and_one_that_does_changes_the_image(opened, draw):
    session = opened()
    assert torch.equal(draw(session, "a blue cat").image, draw(session, "a blue cat", override=0.0).image)
    assert not torch.equal(draw(session).image, draw(session, override=0.0).image)
    assert not torch.equal(draw(session).image, draw(session, override=0.5).image)


@pytest.mark.usefixtures("all_words", "believed")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_batches_draw_what_single_calls_draw(opened, draw, dtype):
    session = opened(dtype=dtype)
    prompts = ["a red cat", "a blue cat", "a red shiny cat"]
    batch = draw(session, prompts, seed=[1, 2, 3], num_inference_steps=2).images
    for index, prompt in enumerate(prompts):
        alone = draw(session, prompt, seed=index + 1, num_inference_steps=2)
        assert torch.equal(batch[index], alone.image) and torch.isfinite(alone.image).all()


@pytest.mark.parametrize(
    ("plain", "change"), [(lambda pipe: pipe, fused), (small, compiled)], ids=["fused", "compiled"]
)
def test_attention_is_read_of_fused_and_compiled_models(opened, draw, plain, change, monkeypatch):
    """Compiled code ignores hooks, and fused layers have no keys of their own."""
    from seal_sdk.generation import prompt_edits

    found, read = [], prompt_edits.attention_ratios
    monkeypatch.setattr(prompt_edits, "attention_ratios", lambda *given: found.append(read(*given)) or found[-1])
    for session in (opened(plain), opened(change)):
        draw(session, "a blue cat in red", num_inference_steps=1)
        assert not any(module._forward_hooks for module in session.pipe.unet.modules())
    assert len(found) == 2 and found[1] == pytest.approx(found[0], rel=1e-4)


def test_edited_tokens_are_infused_less(opened, draw, monkeypatch):
    """Keys and values still have the look that the prompt has changed. They must not paint it back."""
    given = []

    def changed(reader, probes, strength):
        return EditedReference(reader.latents, reader.subject * torch.linspace(0, 1, reader.subject.shape[-1]))

    def watched(*tensors, retention, **settings):
        given.append(retention)
        return infuse(*tensors, retention=retention, **settings)

    monkeypatch.setattr("seal_sdk.generation.infusion_hooks.infuse", watched)
    session = opened()
    draw(session, "a blue cat")
    assert given and all(retention is None for retention in given)
    given.clear()
    monkeypatch.setattr(ReferenceReader, "find_probes", lambda *given: [SimpleNamespace()])
    monkeypatch.setattr("seal_sdk.generation.subject_planner.edit_reference", changed)
    draw(session)
    assert given and all(0 <= each.min() < each.max() - 0.2 < 0.8 for each in given)
