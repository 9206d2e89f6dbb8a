"""The paper's metrics on tiny models in the real checkpoints' layouts: each is compared with a computation of its own."""

from __future__ import annotations

import sys

import huggingface_hub
import open_clip
import pytest
import torch
from fixtures import tiny_metrics
from fixtures.tiny_metrics import IMAGENET, OPENAI, PROMPT, picture, pixels, score
from PIL import Image
from transformers import CLIPModel, ViTModel

from seal_sdk.errors import ConfigError, WeightsNotFound
from seal_sdk.evaluation.paper.scorers import SCORERS, parse_metrics, parse_weights
from seal_sdk.evaluation.paper.scorers.clip import ClipScore
from seal_sdk.evaluation.paper.scorers.dino import DinoScore
from seal_sdk.evaluation.paper.scorers.dreamsim import DreamSimScore
from seal_sdk.evaluation.paper.scorers.hps import HpsScore

CPU = torch.device("cpu")


pytestmark = pytest.mark.usefixtures("offline")


# --- CLIP


@pytest.fixture(scope="module")
def clip_folder(tmp_path_factory):
    return tiny_metrics.clip(tmp_path_factory.mktemp("metrics") / "clip")


def test_clip_is_the_cosine_of_image_and_prompt(clip_folder):
    scorer = ClipScore.load(ClipScore.locate(str(clip_folder)), CPU)
    image, model = picture(1, (32, 32)), CLIPModel.from_pretrained(clip_folder)
    letters = tiny_metrics.tiny.tokenizer(clip_folder)(PROMPT, return_tensors="pt").input_ids
    with torch.no_grad():
        seen = model.visual_projection(model.vision_model(pixels(image, 32, *OPENAI)).pooler_output)
        read = model.text_projection(model.text_model(letters).pooler_output)
    expected = float((seen @ read.T) / (seen.norm() * read.norm()))
    assert score(scorer, image) == pytest.approx(expected, abs=1e-5) and abs(expected) < 1


def test_clip_sees_image_and_prompt_alone(clip_folder):
    scorer = ClipScore.load(clip_folder, CPU)
    first = score(scorer)
    assert score(scorer, reference=picture(8), structure=picture(9)) == first
    assert score(scorer, image=picture(8)) != first and score(scorer, prompt="a dog") != first
    assert score(scorer, prompt="word " * 200) != first  # cut at the encoder's length


# --- DINO


@pytest.fixture(scope="module")
def dino_folder(tmp_path_factory):
    return tiny_metrics.dino(tmp_path_factory.mktemp("metrics") / "dino")


def test_dino_is_the_cosine_of_both_images_cls_tokens(dino_folder):
    scorer = DinoScore.load(DinoScore.locate(str(dino_folder)), CPU)
    model = ViTModel.from_pretrained(dino_folder, add_pooling_layer=False)
    images = [picture(seed, (32, 32)) for seed in (1, 2)]  # 28 * 256 / 224: nothing is resized, the centre is kept
    with torch.no_grad():
        one, other = (
            model(pixels(each.crop((2, 2, 30, 30)), 28, *IMAGENET)).last_hidden_state[0, 0] for each in images
        )
    expected = float(one @ other / (one.norm() * other.norm()))
    assert score(scorer, *images) == pytest.approx(expected, abs=1e-5) and expected < 0.9999
    assert score(scorer, images[0], images[0]) == pytest.approx(1, abs=1e-6)
    assert score(scorer, *images, structure=picture(9), prompt="other") == score(scorer, *images)


# --- HPSv2


@pytest.fixture(scope="module")
def hps_file(tmp_path_factory):
    return tiny_metrics.hps(tmp_path_factory.mktemp("metrics") / "HPS_v2.1_compressed.pt")


def test_hps_is_the_cosine_of_its_checkpoint_in_open_clip(hps_file):
    assert HpsScore.locate(str(hps_file)) == HpsScore.locate(str(hps_file.parent)) == hps_file
    scorer = HpsScore.load(hps_file, CPU, tiny_metrics.HPS_ARCHITECTURE)
    model = open_clip.CLIP(**open_clip.get_model_config(tiny_metrics.HPS_ARCHITECTURE))
    model.load_state_dict(torch.load(hps_file, weights_only=True)["state_dict"])
    image = picture(1, (28, 28))
    with torch.no_grad():
        seen, read, _ = model.eval()(pixels(image, 28, *OPENAI), open_clip.tokenize([PROMPT]))
    assert score(scorer, image) == pytest.approx(float(seen[0] @ read[0]), abs=1e-5)
    assert score(scorer, image, prompt="a dog") != score(scorer, image)


def test_a_checkpoint_of_another_model_is_no_hps(hps_file, tmp_path):
    other = tmp_path / "other.pt"
    torch.save({"state_dict": {"weight": torch.zeros(1)}}, other)
    with pytest.raises(ConfigError, match="no checkpoint of HPSv2"):
        HpsScore.load(other, CPU, tiny_metrics.HPS_ARCHITECTURE)
    other.write_bytes(b"not weights")
    with pytest.raises(WeightsNotFound, match="tensors alone"):
        HpsScore.load(other, CPU, tiny_metrics.HPS_ARCHITECTURE)


# --- DreamSim: its package is not installed with the tests, so a stand-in shows how it is called


@pytest.fixture
def stand_in(monkeypatch):
    calls = []
    monkeypatch.setitem(sys.modules, "dreamsim", tiny_metrics.dreamsim_stand_in(calls))
    return calls


def test_dreamsim_is_one_minus_the_distance_to_the_structure(stand_in, tmp_path, capsys):
    (tmp_path / "ensemble_lora").mkdir()
    before = torch.hub.get_dir()
    scorer = DreamSimScore.load(DreamSimScore.locate(str(tmp_path)), CPU)
    assert stand_in == [(True, "cpu", str(tmp_path), "ensemble")] and torch.hub.get_dir() == before
    printed = capsys.readouterr()
    assert printed.out == "" and "Using cached" in printed.err
    same, black, white = picture(1), Image.new("RGB", (8, 8)), Image.new("RGB", (8, 8), "white")
    assert score(scorer, same, structure=same) == 1
    assert score(scorer, black, structure=white) == pytest.approx(0, abs=1e-6)
    assert score(scorer, same, reference=picture(8), structure=same, prompt="x") == 1


def test_dreamsim_without_its_package_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "dreamsim", None)
    with pytest.raises(ConfigError, match=r'pip install "seal-sdk\[metrics\]"'):
        DreamSimScore.locate(str(tmp_path))


def test_dreamsim_without_its_weights_says_where_it_looked(stand_in, monkeypatch, tmp_path):
    with pytest.raises(WeightsNotFound, match="ensemble_lora was expected"):
        DreamSimScore.locate(str(tmp_path))

    def unreachable(**given):
        raise OSError("no route")

    monkeypatch.setattr(sys.modules["dreamsim"], "dreamsim", unreachable)
    with pytest.raises(WeightsNotFound, match=r"no route.*--weights dreamsim=PATH"):
        DreamSimScore.load(tmp_path, CPU)


# --- what is missing, and what the command line says


@pytest.mark.parametrize("name", ["clip", "dino", "hps", "image-reward"])
def test_missing_weights_name_the_metric_the_place_and_the_ways_out(name, tmp_path, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    for given, place in (
        (None, "the hub's"),
        ("someone/something", "the hub's someone/something"),
        (str(tmp_path / "nothing"), "no such file or folder"),
        ("./nothing.pt", "no such file or folder"),
        (str(tmp_path), "was expected"),
    ):
        with pytest.raises(WeightsNotFound, match=f"{name}: found no weights") as caught:
            SCORERS[name].locate(given)
        assert place in str(caught.value) and f"--weights {name}=PATH" in str(caught.value)


def test_weights_of_another_model_are_refused(clip_folder, dino_folder):
    with pytest.raises(ConfigError, match="dino"):
        DinoScore.load(clip_folder, CPU)
    with pytest.raises(ConfigError, match="clip"):
        ClipScore.load(dino_folder, CPU)


def test_metrics_and_weights_on_the_command_line():
    assert [each.metric.title for each in parse_metrics("clip,dino hps")] == ["CLIP", "DINO-I", "HPSv2"]
    assert parse_weights(["clip=a=b", "hps=c"], ("clip", "hps")) == {"clip": "a=b", "hps": "c"}
    assert all(not kind.metric.lower_is_better for kind in SCORERS.values())
    for text, message in (("clip,magic", "no metric 'magic'"), ("", "choose from clip"), ("clip clip", "given twice")):
        with pytest.raises(ConfigError, match=message):
            parse_metrics(text)
    for given in (["magic=x"], ["clip="], ["clip"], ["clip=a", "clip=b"]):
        with pytest.raises(ConfigError, match="--weights"):
            parse_weights(given, ("clip",))
