"""bench folder as a whole: tiny models draw two cases and score them; runs go on; the table and its intervals."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import torch
import yaml
from click.testing import CliRunner
from fixtures import tiny_adapter, tiny_metrics
from PIL import Image

from seal_sdk import IdentitySession
from seal_sdk.cli.main import seal
from seal_sdk.errors import ConfigError, NumericalError
from seal_sdk.evaluation import session as evaluation_session
from seal_sdk.evaluation.metrics.metric import Metric
from seal_sdk.evaluation.paper import drawing, parse_paper_methods, summarize_cases, table_lines
from seal_sdk.evaluation.paper.scorers import hps
from seal_sdk.evaluation.paper.scorers.clip import ClipScore
from seal_sdk.evaluation.paper.scoring import CaseScore
from seal_sdk.images import read_settings
from seal_sdk.pocket import world

pytestmark = pytest.mark.usefixtures("offline")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Every metric's option; HPSv2's architecture is a tiny one."""
    folder = tmp_path_factory.mktemp("weights")
    (folder / "dreamsim" / "ensemble_lora").mkdir(parents=True)
    return {
        "clip": tiny_metrics.clip(folder / "clip"),
        "dino": tiny_metrics.dino(folder / "dino"),
        "dreamsim": folder / "dreamsim",
        "hps": tiny_metrics.hps(folder / "hps.pt"),
        "image-reward": tiny_metrics.image_reward(folder / "reward"),
    }


@pytest.fixture
def sessions(monkeypatch, tiny_pipeline):
    """The command on tiny models; how often a session was opened and a picture drawn."""
    counts = {"opened": 0, "drawn": 0}
    monkeypatch.setattr(hps, "ARCHITECTURE", tiny_metrics.HPS_ARCHITECTURE)
    monkeypatch.setitem(sys.modules, "dreamsim", tiny_metrics.dreamsim_stand_in([]))

    def opened(model, **given):
        counts["opened"] += 1
        return IdentitySession(tiny_pipeline(), **given)

    painted = drawing.Painter.draw

    def draw(painter, ask, method):
        counts["drawn"] += 1
        return painted(painter, ask, method)

    monkeypatch.setattr(evaluation_session, "IdentitySession", opened)
    monkeypatch.setattr(drawing.Painter, "draw", draw)
    return counts


def write_dataset(folder, name="animal-pose", seeds=(500_000, 500_003), kinds=("pose", "pose"), masks=True):
    """Two cases of the embedded model's world: a photo each, and a skeleton or mesh of another subject."""
    folder.mkdir()
    content = {"name": name, "size": 64, "images": {}, "structures": {}, "cases": []}
    for number, (seed, kind) in enumerate(zip(seeds, kinds, strict=True)):
        photo, other = world.sample(seed), world.sample(seed + 1)
        shown = {
            "photo": world.render(photo.identity, photo.pose, photo.scene, size=64),
            "structure": world.render(other.identity, other.pose, other.scene, kind, 64),
        }
        for what, rendering in shown.items():
            Image.fromarray(rendering.image).save(folder / f"{what}{number}.png")
            Image.fromarray(rendering.mask).save(folder / f"{what}{number}-mask.png")
        content["images"][f"subject {number}"] = {"image": f"photo{number}.png", "prompt": "a photo of it"}
        content["structures"][f"s{number}"] = {"image": f"structure{number}.png", "kind": kind}
        if masks:
            content["images"][f"subject {number}"]["mask"] = f"photo{number}-mask.png"
            content["structures"][f"s{number}"]["mask"] = f"structure{number}-mask.png"
        case = {"reference": f"subject {number}", "structure": f"s{number}", "prompt": "it on snow", "seed": number}
        content["cases"].append(case)
    (folder / "dataset.yaml").write_text(yaml.safe_dump(content))
    return folder


def invoke(*arguments):
    return CliRunner().invoke(seal, ["bench", "folder", *map(str, arguments)])


def options(weights, output, metrics="clip,dino,dreamsim,hps,image-reward", methods="prompt,structure,seal"):
    given = [f"--weights={name}={weights[name]}" for name in metrics.split(",")]
    return [*given, "--metrics", metrics, "--methods", methods, "--steps", 2, "--output", output]


def test_the_table_of_two_setups_goes_on_where_it_stopped(sessions, weights, tmp_path):
    animals = write_dataset(tmp_path / "animals")
    humans = write_dataset(tmp_path / "humans", "human-pose", (500_010, 500_012))
    asked = [animals, humans, *options(weights, tmp_path / "out"), "--json"]
    first = invoke(*asked)
    assert first.exit_code == 0, first.output
    summary = json.loads(first.stdout)
    assert json.loads((tmp_path / "out" / "results.json").read_text()) == summary
    assert list(summary["setups"]) == ["animal-pose", "human-pose"] and len(summary["scores"]) == 12
    for setup in summary["setups"].values():
        assert setup["cases"] == 2 and list(setup["methods"]) == ["prompt", "structure", "seal"]
        for values in setup["methods"].values():
            assert list(values) == ["clip", "dino", "dreamsim", "hps", "image-reward"]
            assert all(low <= each["mean"] <= high for each in values.values() for low, high in [each["ci95"]])
    assert sessions == {"opened": 1, "drawn": 12}
    picture = tmp_path / "out" / "animal-pose" / "seal" / "001-subject 0-s0.png"
    before = picture.read_bytes()
    facts = read_settings(picture)
    assert (
        facts["prompt"] == "it on snow" and facts["sampling"]["num_inference_steps"] == 2 and len(facts["digest"]) == 64
    )
    assert Image.open(tmp_path / "out" / "human-pose" / "sheet.png").width == 5 * 260 - 4

    lost = tmp_path / "out" / "human-pose" / "prompt" / "002-subject 1-s1.png"
    lost.rename(lost.with_suffix(".part"))  # as a killed run leaves it
    second = invoke(*asked)
    assert second.stdout == first.stdout and sessions == {"opened": 2, "drawn": 13}
    assert picture.read_bytes() == before and lost.is_file()


def test_scores_are_those_of_the_metrics_on_the_pictures(sessions, weights, tmp_path):
    folder = write_dataset(tmp_path / "set")
    result = invoke(folder, *options(weights, tmp_path / "out", "dino,dreamsim", "seal"), "--json")
    row = json.loads(result.stdout)["scores"][1]
    assert (row["setup"], row["case"], row["kind"], row["method"]) == (
        "animal-pose",
        "002-subject 1-s1",
        "pose",
        "seal",
    )
    drawn, structure, photo = (
        Image.open(path).convert("RGB")
        for path in (
            tmp_path / "out" / "animal-pose" / "seal" / "002-subject 1-s1.png",
            folder / "structure1.png",
            folder / "photo1.png",
        )
    )
    small = [np.asarray(each.resize((8, 8)), float) / 255 for each in (drawn, structure)]
    assert row["dreamsim"] == pytest.approx(1 - np.abs(small[0] - small[1]).mean(), abs=1e-5)
    from seal_sdk.evaluation.paper.scorers.dino import DinoScore

    scorer = DinoScore.load(weights["dino"], torch.device("cpu"))
    assert row["dino"] == pytest.approx(scorer.score(drawn, photo, structure, ""), abs=1e-6)


def test_the_table_is_text_with_kinds_apart(sessions, weights, tmp_path):
    folder = write_dataset(tmp_path / "set", kinds=("pose", "mesh"))
    result = invoke(folder, *options(weights, tmp_path / "out", "clip", "structure"))
    assert result.exit_code == 0, result.output
    lines = [line.split("  ") for line in result.stdout.splitlines()]
    assert lines[0][0] == "setup" and lines[0][-1] == "CLIP ↑" and result.stderr == ""
    assert [line[0] for line in lines[1:]] == ["animal-pose", "animal-pose, pose", "animal-pose, mesh"]
    assert ["±" in line[-1] for line in lines[1:]] == [True, False, False]  # one case has no interval


@pytest.mark.parametrize("change", ["steps", "subject", "words", "picture", "damage"])
def test_pictures_of_other_settings_are_never_mixed(sessions, weights, tmp_path, change):
    folder = write_dataset(tmp_path / "set")
    asked = [folder, *options(weights, tmp_path / "out", "clip", "prompt")]
    assert invoke(*asked).exit_code == 0
    if change == "steps":
        asked += ["--steps", 1]
    elif change == "subject":
        asked += ["--subject", "vit_b"]
    elif change == "words":
        text = (folder / "dataset.yaml").read_text()
        (folder / "dataset.yaml").write_text(text.replace("it on snow", "it on sand"))
    elif change == "picture":
        Image.new("RGB", (64, 64), "red").save(folder / "structure0.png")
    else:
        next((tmp_path / "out" / "animal-pose" / "prompt").iterdir()).write_bytes(b"nothing")
    result = invoke(*asked)
    assert result.exit_code == 2 and "is no picture of this run" in result.output and "--output" in result.output


def test_what_is_wrong_is_told_before_a_model_is_loaded(sessions, weights, tmp_path):
    folder = write_dataset(tmp_path / "set")
    twin = write_dataset(tmp_path / "twin")
    broken = write_dataset(tmp_path / "broken", "other")
    (broken / "photo0.png").unlink()
    output = tmp_path / "out"
    good = options(weights, output, "clip", "prompt")
    for arguments, code, message in (
        ([tmp_path / "none", *good], 2, "There is no"),
        ([broken, *good], 2, "images.subject 0.image: there is no file 'photo0.png'"),
        ([folder, twin, *good], 2, "Two folders hold a dataset 'animal-pose'"),
        ([folder, *good, "--metrics", "clip,magic"], 2, "no metric 'magic'"),
        ([folder, *good, "--methods", "exact"], 2, "no method 'exact'"),
        (
            [folder, *good, "--methods", "controlnet+ip-adapter"],
            2,
            "--weights controlnet=PATH --weights ip-adapter=PATH",
        ),
        ([folder, *good, "--methods", "seal:control=controlnet"], 2, "only controlnet+ip-adapter"),
        ([folder, *good, "--weights", "magic=x"], 2, "expected NAME=PATH with a name of clip"),
        ([folder, "--metrics", "hps", "--output", output], 1, "hps: found no weights at the hub's xswu/HPSv2"),
        ([folder, "--metrics", "clip", "--weights=clip=none.pt", "--output", output], 1, "clip: found no weights at"),
        (
            [
                folder,
                *good,
                "--methods=controlnet+ip-adapter",
                "--weights=controlnet=./no",
                "--weights=ip-adapter=./no",
            ],
            1,
            "controlnet: found no weights at ./no",
        ),
    ):
        result = invoke(*arguments)
        assert result.exit_code == code and message in result.output.replace("\n", " "), result.output
    assert sessions["opened"] == 0 and not output.exists()


def test_a_subject_that_nobody_finds_is_told_with_its_case(sessions, weights, tmp_path, monkeypatch):
    from seal_sdk.errors import SubjectNotFound

    class Blind:
        fingerprint, calls = "blind", 0

        def find(self, image, what="reference"):
            raise SubjectNotFound("Nobody is there.")

    opened = evaluation_session.IdentitySession
    monkeypatch.setattr(
        evaluation_session, "IdentitySession", lambda model, **given: opened(model, **{**given, "subject": Blind()})
    )
    folder = write_dataset(tmp_path / "set", masks=False)
    result = invoke(folder, *options(weights, tmp_path / "out", "clip", "prompt"))
    assert result.exit_code == 2 and "cases[1] (001-subject 0-s0): Nobody is there." in result.output
    assert "mask: FILE" in result.output


def test_the_trained_baseline_is_drawn_beside_the_others(sessions, weights, tmp_path, tiny_pipeline):
    unet = tiny_pipeline().unet
    net = tiny_adapter.controlnet(tmp_path / "controlnet", unet)
    adapter = tiny_adapter.adapter(tmp_path / "adapter", unet)
    folder = write_dataset(tmp_path / "set")
    asked = [folder, *options(weights, tmp_path / "out", "clip", "structure,controlnet+ip-adapter")]
    asked += ["--weights", f"controlnet={net}", "--weights", f"ip-adapter={adapter}"]
    result = invoke(*asked)
    assert result.exit_code == 0, result.output
    ours, theirs = (
        np.asarray(Image.open(tmp_path / "out" / "animal-pose" / method / "002-subject 1-s1.png"))
        for method in ("structure", "controlnet+ip-adapter")
    )
    assert ours.shape == theirs.shape == (64, 64, 3) and not np.array_equal(ours, theirs)
    alone = invoke(folder, *options(weights, tmp_path / "alone", "clip", "structure"))
    again = Image.open(tmp_path / "alone" / "animal-pose" / "structure" / "002-subject 1-s1.png")
    assert alone.exit_code == 0 and np.array_equal(np.asarray(again), ours)  # the baseline left nothing behind
    changed = invoke(*asked, "--adapter-scale", 0.2)
    assert changed.exit_code == 2 and "is no picture of this run" in changed.output


def test_a_metric_that_gives_no_number_is_told(sessions, weights, tmp_path, monkeypatch):
    monkeypatch.setattr(ClipScore, "score", lambda *given: float("nan"))
    folder = write_dataset(tmp_path / "set")
    result = invoke(folder, *options(weights, tmp_path / "out", "clip", "prompt"))
    assert isinstance(result.exception, SystemExit) and "clip gives nan for" in result.output
    assert issubclass(NumericalError, ArithmeticError) and not (tmp_path / "out" / "results.json").exists()


# --- parts


def test_means_and_intervals_are_over_cases():
    metric = Metric("clip", "CLIP", lower_is_better=False)
    scores = [
        CaseScore("set", f"{number:03d}", "pose", method, {"clip": value + number / 10})
        for number in range(4)
        for method, value in (("a", 0.0), ("b", 0.5))
    ]
    summary = summarize_cases(scores, [metric])
    (setup,) = summary["setups"].values()
    assert setup["cases"] == 4 and setup["methods"]["a"]["clip"]["mean"] == pytest.approx(0.15)
    assert setup["methods"]["b"]["clip"]["mean"] == pytest.approx(0.65)
    low, high = setup["methods"]["a"]["clip"]["ci95"]
    assert 0 <= low < 0.15 < high <= 0.3 and summary == summarize_cases(scores, [metric])
    head, lines = table_lines(json.loads(json.dumps(summary)))
    assert head == ("setup", "method", "cases", "CLIP ↑") and lines[1][:3] == ("set", "b", "4")
    assert lines[1][3].startswith("0.6500 ±0.")


def test_methods_are_the_benchmarks_and_the_adapter():
    names = [
        method.name
        for method in parse_paper_methods("prompt structure seal ctrlx controlnet+ip-adapter:structure.scale=0.5")
    ]
    assert names[-1] == "controlnet+ip-adapter:structure.scale=0.5" and len(names) == 5
    assert parse_paper_methods("controlnet+ip-adapter:structure.scale=0.5,steps=3")[0].structure.scale == 0.5
    for text, message in (
        ("controlnet+ip-adapter:structure.control=none", "leave structure.control"),
        ("controlnet+ip-adapter:structure.end=0", "above 0"),
        ("controlnet+ip-adapter:delta=1", "no setting 'delta'"),
        ("structure:control=controlnet", "only controlnet.ip-adapter"),
    ):
        with pytest.raises(ConfigError, match=message):
            parse_paper_methods(text)
