"""Richer captions in training: their words become tokens, and the shipped model goes on from there."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from diffusers import StableDiffusionXLPipeline
from safetensors.torch import load_file

from seal_sdk.pocket import PIPELINE_FOLDER, world
from seal_sdk.pocket.design import SHIPPED
from seal_sdk.pocket.train import __main__ as command
from seal_sdk.pocket.train import data, unet
from seal_sdk.pocket.train.data import CAPTIONS, render_image, render_set
from seal_sdk.pocket.train.export import export
from seal_sdk.pocket.train.loop import TrainingConfig, load_ema
from seal_sdk.pocket.train.shipped import START, load_start, start_from_shipped
from seal_sdk.pocket.train.tokenizer import load_tokenizer
from seal_sdk.pocket.train.unet import new_denoiser, train_unet
from seal_sdk.pocket.train.vocabulary import EMBEDDING, caption_words, grow_vocabulary, merges_for

CPU = torch.device("cpu")
IMAGES, HELD_OUT = 40, 8
NEW_WORD = "phosphorescent"  # no caption has it, so it is several tokens of the shipped tokenizer


@pytest.fixture(scope="module", autouse=True)
def small_set():
    """A set may be small: few of its images are held out."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (data, unet):
            patch.setattr(module, "HELD_OUT_IMAGES", HELD_OUT)
        yield


@pytest.fixture(scope="module")
def shipped_folder(tmp_path_factory, small_set):
    """A set with richer captions, and the shipped weights."""
    folder = tmp_path_factory.mktemp("run")
    render_set(folder, IMAGES, 1, rich=True)
    captions = json.loads((folder / "captions.json").read_text())
    captions[0][-1] += f", {NEW_WORD}"
    (folder / "captions.json").write_text(json.dumps(captions))
    start_from_shipped(folder)
    latents = np.random.default_rng(0).standard_normal((IMAGES, 8, 32, 32)).astype(np.float16)
    np.save(folder / "latents.npy", latents)  # they need not be the VAE's for these tests
    return folder


@pytest.fixture(scope="module")
def grown_folder(shipped_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("grown") / "run"
    shutil.copytree(shipped_folder, folder)
    grow_vocabulary(folder)
    return folder


def texts(folder):
    return [text for captions in json.loads((folder / "captions.json").read_text()) for text in captions]


def test_richer_captions_follow_the_others(shipped_folder):
    plain, rich = render_image(7), render_image(7, rich=True)
    assert rich.captions[:CAPTIONS] == plain.captions and len(rich.captions) == 2 * CAPTIONS
    assert np.array_equal(plain.image, rich.image)
    assert np.load(shipped_folder / "ids.npy").shape == (IMAGES, 2 * CAPTIONS, 77)


def test_every_word_becomes_one_token_and_old_ones_stay(grown_folder):
    old, new = load_tokenizer(PIPELINE_FOLDER / "tokenizer"), load_tokenizer(grown_folder / "tokenizer")
    words = caption_words(texts(grown_folder))
    assert any(len(old.tokenize(word)) > 1 for word in words) and all(len(new.tokenize(word)) == 1 for word in words)
    assert (new.bos_token_id, new.eos_token_id) == (old.bos_token_id, old.eos_token_id) and len(new) > len(old)
    for seed in range(100):
        drawn = world.sample(seed)
        for kind in world.KINDS:
            text = world.caption(
                drawn.identity, drawn.pose, drawn.scene, kind, rng=np.random.default_rng(seed), color=True, pattern=True
            )
            assert new(text).input_ids == old(text).input_ids
    ids = np.load(grown_folder / "ids.npy")
    assert ids.shape == (IMAGES, 2 * CAPTIONS, 77)
    assert ids[3, 5].tolist() == new(texts(grown_folder)[3 * 2 * CAPTIONS + 5], padding="max_length").input_ids


def test_new_embeddings_are_means_and_nothing_else_changes(shipped_folder, grown_folder):
    before, after = load_file(shipped_folder / START), load_file(grown_folder / START)
    old, new = load_tokenizer(shipped_folder / "tokenizer"), load_tokenizer(grown_folder / "tokenizer")
    changed = [name for name in before if not torch.equal(before[name], after[name])]
    assert [name for name in before if name.endswith(EMBEDDING)] == changed and len(changed) == 2
    for name in changed:
        assert torch.equal(after[name][: len(old)], before[name]) and len(after[name]) == len(new)
        pieces = before[name][old(NEW_WORD).input_ids[1:-1]]
        assert torch.allclose(after[name][new(NEW_WORD).input_ids[1]], pieces.mean(0), atol=1e-6)


def test_growing_again_changes_nothing(grown_folder, tmp_path):
    again = tmp_path / "again"
    shutil.copytree(grown_folder, again)
    grow_vocabulary(again)
    for name in (START, "ids.npy", "tokenizer/vocab.json", "tokenizer/merges.txt"):
        assert (again / name).read_bytes() == (grown_folder / name).read_bytes()


def test_an_interrupted_call_can_be_made_again(shipped_folder, grown_folder, tmp_path):
    """The weights are grown, the tokenizer is not yet."""
    folder = tmp_path / "run"
    shutil.copytree(shipped_folder, folder)
    shutil.copyfile(grown_folder / START, folder / START)
    grow_vocabulary(folder)
    for name in (START, "ids.npy", "tokenizer/vocab.json", "tokenizer/merges.txt"):
        assert (folder / name).read_bytes() == (grown_folder / name).read_bytes()


def test_training_goes_on_with_new_words_and_resumes_bit_equally(grown_folder, tmp_path):
    averages = []
    for name, lengths in (("whole", (2,)), ("broken", (1, 2))):
        folder = tmp_path / name
        shutil.copytree(grown_folder, folder)
        for steps in lengths:
            train_unet(folder, TrainingConfig(learning_rate=1e-4, batch=2, steps=steps, flat=0.99, warmup=1), CPU)
        averages.append(load_ema(folder / "unet.pt"))
    assert all(torch.equal(averages[1][name], tensor) for name, tensor in averages[0].items())
    export(tmp_path / "whole", tmp_path / "assets")
    pipe = StableDiffusionXLPipeline.from_pretrained(tmp_path / "assets" / "pipeline")
    tokenizer = load_tokenizer(grown_folder / "tokenizer")
    text = "cinematic photo of a kitty with blue stripes, bokeh"
    assert pipe.tokenizer(text).input_ids == tokenizer(text).input_ids == pipe.tokenizer_2(text).input_ids
    assert pipe.text_encoder.config.vocab_size == len(tokenizer)


def test_the_grown_model_reads_old_captions_as_the_shipped_one_does(shipped_folder, grown_folder):
    embeds = []
    for folder in (shipped_folder, grown_folder):
        model, tokenizer = new_denoiser(folder)
        load_start(model, folder)
        ids = tokenizer("a photo of a striped blue cat on snow", padding="max_length", return_tensors="pt").input_ids
        with torch.no_grad():
            embeds.append(model.encode(ids))
    assert all(torch.equal(old, new) for old, new in zip(*embeds, strict=True))


def test_words_of_a_training_that_has_begun_are_refused(shipped_folder, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(shipped_folder, folder)
    (folder / "unet.pt").touch()
    with pytest.raises(ValueError, match=r"unet\.pt was trained with fewer words"):
        grow_vocabulary(folder)
    (folder / START).unlink()
    with pytest.raises(ValueError, match="run the stage shipped first"):
        grow_vocabulary(folder)


def test_a_words_merges_come_behind_and_leave_the_others_alone():
    merges = [("a", "b"), ("ab", "c</w>"), ("c", "d")]
    assert merges_for(["abc"], merges) == []
    assert merges_for(["abcd", "abc"], merges) == [("ab", "c"), ("abc", "d</w>")]


def test_the_command_line_asks_for_richer_captions(monkeypatch, tmp_path):
    seen = []
    monkeypatch.setattr(command, "render_set", lambda *given: seen.append(given[1:]))
    for arguments in ([], ["--rich-captions"]):
        done = CliRunner().invoke(command.main, ["render", "--folder", str(tmp_path), "--images", "600", *arguments])
        assert done.exit_code == 0, done.output
    assert seen == [(600, 2, False, SHIPPED), (600, 2, True, SHIPPED)]
