"""What a session remembers between calls: encoded prompts and edited references. The same picture comes for less work."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from seal_sdk import Appearance, DeltaBridge, IdentitySession
from seal_sdk.backbone.conditioning import Conditioning
from seal_sdk.generation import InputCache
from seal_sdk.kv_cache.cache import BoundedCache
from seal_sdk.segmentation import subject_from

BOX = (20, 20, 100, 110)
OFF = dict(appearance=Appearance(delta=0), delta_bridge=DeltaBridge(strength=0))
HOW = dict(num_inference_steps=2, guidance_scale=4.0, height=64, width=64, output_type="latent")
EDIT, TOLD = 1 + 6, 6  # rows of a word that attention finds, and of one that the sentence tells


class Studio:
    """A session that counts its model's work. new: opens another with the same model, which remembers nothing."""

    def __init__(self, pipe, store):
        self.identity = None
        self.pipe, self.store, self.counts = pipe, store, {"unet": 0, "text_encoder_2": 0}
        for name in self.counts:
            self.watch(name)
        self.session = self.new()

    def watch(self, name):
        def count(_, inputs, named):
            given = inputs[0] if inputs else named["input_ids"]
            self.counts[name] += len(given)

        getattr(self.pipe, name).register_forward_pre_hook(count, with_kwargs=True)

    def new(self):
        return IdentitySession(self.pipe, store=self.store, enable_progress_bar=False)

    def register(self, image):
        self.session.register(image, prompt="a blue cat", name="cat", box=BOX, timesteps=1)
        self.identity = "cat"

    def draw(self, prompt="a red cat on snow", session=None, **given):
        """The latents, the rows before the first step, and the texts that its encoders read."""
        before = dict(self.counts)
        drawn = (session or self.session).generate(None, prompt, **HOW | dict(seed=1, identity=self.identity) | given)
        used = {name: count - before[name] for name, count in self.counts.items()}
        steps = sum(2 + (given.get("appearance") is None and index == 0) for index in range(2))
        assert drawn.unet_rows == used["unet"]
        return drawn.image, used["unet"] - steps, used["text_encoder_2"]


@pytest.fixture
def studio(tiny_pipeline, tmp_path):
    return Studio(tiny_pipeline(), tmp_path / "store")


@pytest.fixture
def cat(studio, reference_image):
    studio.register(reference_image)
    return studio


def test_the_second_call_of_a_prompt_reads_nothing_before_the_first_step(cat):
    first, rows, texts = cat.draw()
    assert rows == EDIT and texts > 3
    again, rows, texts = cat.draw()
    assert (rows, texts) == (0, 0) and torch.equal(again, first)
    _, rows, texts = cat.draw(seed=2, height=96, width=64)  # size ids are another conditioning
    assert rows == 0 and texts > 0
    assert torch.equal(cat.draw(session=cat.new())[0], first)  # what another session reads for the first time


@pytest.mark.parametrize(
    ("given", "rows"),
    [
        (dict(delta_bridge=DeltaBridge(override=0.5)), EDIT),
        (dict(negative_prompt="blue"), EDIT),
        (dict(clip_skip=1), EDIT),
        (dict(prompt="a red cat"), TOLD),
        (dict(delta_bridge=DeltaBridge(override=0)), 0),
    ],
    ids=str,
)
def test_what_decides_an_edit_is_read_anew(cat, given, rows):
    cat.draw()
    changed, read, _ = cat.draw(**given)
    assert read == rows
    assert torch.equal(changed, cat.draw(**given, session=cat.new())[0])


def test_another_reference_is_read_for_itself(cat, structure_image):
    cat.draw()
    cat.session.register(structure_image, prompt="a blue cat", name="other", box=BOX, timesteps=1)
    assert cat.draw(identity="other")[1] == EDIT


def test_a_scheduler_of_other_noise_levels_reads_anew(cat):
    cat.draw()
    scheduler = cat.pipe.scheduler
    cat.pipe.scheduler = type(scheduler).from_config(scheduler.config, beta_end=0.02)
    changed, read, _ = cat.draw()
    assert read == EDIT and torch.equal(changed, cat.draw(session=cat.new())[0])


def test_each_text_is_encoded_once(studio):
    assert studio.draw(**OFF)[2] == 1  # no negative prompt is zeros
    assert studio.draw(**OFF, negative_prompt="dark")[2] == 1
    assert studio.draw("a dog", **OFF, negative_prompt="dark")[2] == 1
    assert studio.draw("a dog", **OFF, negative_prompt="dark", seed=5)[2] == 0
    assert studio.draw("a dog", **OFF, guidance_scale=1.0)[2] == 0


def swap_encoder(pipe, other):
    pipe.text_encoder = other.text_encoder


def change_weights(pipe, other):
    with torch.no_grad():
        pipe.text_encoder.embeddings.token_embedding.weight.mul_(1.5)


def swap_weights(pipe, other):
    pipe.text_encoder.load_state_dict(other.text_encoder.state_dict())


def add_lora(pipe, other):
    peft = pytest.importorskip("peft")
    config = peft.LoraConfig(r=2, lora_alpha=2, target_modules=["q_proj"], init_lora_weights=False)
    peft.inject_adapter_in_model(config, pipe.text_encoder, "one")


def scale_lora(pipe, other):
    layers = [each for each in pipe.text_encoder.modules() if isinstance(getattr(each, "scaling", None), dict)]
    for layer in layers or pytest.fail("no LoRA"):
        layer.set_scale("one", 0.3)


def cut_short(pipe, other):
    """The tokenizer is both encoders'."""
    pipe.tokenizer.model_max_length = 7


def cast(pipe, other):
    pipe.to(dtype=torch.bfloat16)


@pytest.mark.filterwarnings("ignore::seal_sdk.backbone.conditioning.PromptTruncated")
@pytest.mark.parametrize(
    ("before", "change"),
    [
        (None, swap_encoder),
        (None, change_weights),
        (None, swap_weights),
        (None, add_lora),
        (add_lora, scale_lora),
        (None, cut_short),
        (None, cast),
    ],
    ids=lambda each: each and each.__name__,
)
def test_other_text_encoders_encode_anew(studio, tiny_pipeline, before, change, monkeypatch):
    other = tiny_pipeline(1)
    monkeypatch.setattr(studio.pipe.tokenizer, "model_max_length", 77)  # set back: all tests share it
    if before:
        before(studio.pipe, other)
    first = studio.draw("a cat in the wide snow", **OFF)[0]
    change(studio.pipe, other)
    changed = studio.draw("a cat in the wide snow", **OFF)[0]
    assert not torch.equal(changed.float(), first.float())
    assert torch.equal(changed, studio.draw("a cat in the wide snow", **OFF, session=studio.new())[0])


def test_embeddings_of_the_caller_are_not_kept(studio):
    embeds, _, pooled, _ = studio.pipe.encode_prompt("a cat", do_classifier_free_guidance=False)
    given = dict(prompt_embeds=embeds.detach(), pooled_prompt_embeds=pooled.detach())
    first = studio.draw(None, **given, **OFF)[0]
    given["prompt_embeds"].mul_(2)
    assert not torch.equal(studio.draw(None, **given, **OFF)[0], first)


def test_memory_is_bounded_and_forgotten_when_the_session_closes(studio, monkeypatch):
    row = Conditioning(torch.zeros(1, 77, 64))
    cache = InputCache().prompts
    for number in range(3 * cache.budget // row.embeds.nbytes):
        cache.put(number, row)
    assert cache.budget - row.embeds.nbytes < cache.nbytes <= cache.budget
    studio.draw(**OFF)
    memory = studio.session._input_cache
    assert memory.prompts.nbytes > 0
    studio.session.close()
    assert memory.prompts.nbytes == 0


def test_a_value_too_large_is_made_each_time():
    made, cache = [], BoundedCache[int](10, lambda value: value)
    for value in (4, 4, 11, 11):
        assert cache.get_or_make(value, lambda value=value: made.append(value) or value) == value
    assert made == [4, 11, 11]


def test_a_structure_images_subject_is_looked_for_once(tiny_pipeline, tmp_path, reference_image, structure_image):
    segmenter = Watching()
    with IdentitySession(tiny_pipeline(), store=tmp_path, subject=segmenter, enable_progress_bar=False) as session:
        session.register(reference_image, prompt="a cat", name="cat", box=BOX, timesteps=1)
        first = session.generate(structure_image, "a cat", seed=1, **HOW).image
        assert segmenter.seen == ["structure"]
        again = session.generate(
            np.asarray(structure_image.convert("RGB")), "a cat", seed=1, **HOW
        ).image  # the same pixels
        assert segmenter.seen == ["structure"] and torch.equal(again, first)
        session.generate(structure_image.transpose(0), "a cat", seed=1, **HOW)
        assert segmenter.seen == ["structure"] * 2
        segmenter.fingerprint = "another"
        session.generate(structure_image, "a cat", seed=1, **HOW)
        assert segmenter.seen == ["structure"] * 3
    assert session._input_cache.subjects.nbytes == 0


class Watching:
    """A segmenter that finds the same box everywhere."""

    fingerprint, calls = "watching", 0

    def __init__(self):
        self.seen = []

    def find(self, image, what="reference"):
        self.seen.append(what)
        return subject_from(image, box=BOX, mask=None)


def test_where_the_model_computes_is_asked_once_a_call(cat, monkeypatch):
    asked, kind = [], type(cat.pipe)
    device = kind._execution_device
    monkeypatch.setattr(kind, "_execution_device", property(lambda pipe: asked.append(1) or device.fget(pipe)))
    counts = []
    for steps in (1, 6):
        asked.clear()
        cat.session.generate(None, "a red cat", identity="cat", seed=1, **HOW | dict(num_inference_steps=steps))
        counts.append(len(asked))
    assert counts[0] == counts[1] <= 12
