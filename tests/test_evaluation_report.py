"""Interrupted runs, reports that open offline, text conflicts, leakage, and the verdicts on the paper's claims."""

from __future__ import annotations

import base64
import io
import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from seal_sdk import IdentitySession
from seal_sdk.cli.main import seal
from seal_sdk.errors import ConfigError
from seal_sdk.evaluation import (
    METHODS,
    Results,
    Score,
    ScoreBook,
    measure,
    parse_methods,
    quality,
    report,
    run,
    scorebook,
    triples,
)
from seal_sdk.evaluation.ablation_report import ablation_report
from seal_sdk.evaluation.ablations import ABLATIONS, choose, judge, methods, summarize_ablations, variant
from seal_sdk.evaluation.charts import Point, bars, curve
from seal_sdk.evaluation.conflicts import COLOR, color_scores, recoloured
from seal_sdk.evaluation.leakage import leakage
from seal_sdk.evaluation.metrics import dilate
from seal_sdk.pocket import world


@pytest.fixture(scope="module")
def asked():
    return list(triples(range(400_000, 400_004), ("mesh",)))


@pytest.fixture(scope="module")
def conflicting(asked):
    return list(recoloured(asked))


def before(triple):
    return world.render(world.sample(triple.seed).identity, triple.pose, triple.scene)


def measure_true(rendering, triple, **given):
    """The values of a rendering whose subject and joints are found without error."""
    return measure(rendering.image, triple, rendering.mask, rendering.keypoints, **given)


# --- text conflicts and leakage


def test_a_conflict_asks_for_another_coat_and_nothing_else(asked, conflicting):
    for plain, changed in zip(asked, conflicting, strict=True):
        said = {world.color_name(changed.identity.main), world.color_name(plain.identity.main)}
        assert len(said) == 2 and replace(changed.identity, main=plain.identity.main) == plain.identity
        assert [set(world.words(text)) & said for text in (changed.prompt, changed.reference_prompt)] == [
            {world.color_name(changed.identity.main)},
            {world.color_name(plain.identity.main)},
        ]
        outside = ~dilate(plain.truth.mask | changed.truth.mask, 2)  # edges are blended
        assert np.array_equal(changed.truth.image[outside], plain.truth.image[outside])
        assert np.array_equal(changed.truth.mask, plain.truth.mask) and changed.question == COLOR
    assert [each.prompt for each in recoloured(asked)] == [each.prompt for each in conflicting]


def test_the_truth_follows_the_text_and_the_reference_does_not(conflicting):
    for triple in conflicting:
        followed = color_scores(triple.truth.image, triple.truth, before(triple))
        assert followed == pytest.approx({"color_change": 1, "color_rest": 0, "color_success": 1}, abs=1e-9)
        ignored = color_scores(before(triple).image, triple.truth, before(triple))
        assert ignored == pytest.approx({"color_change": 0, "color_rest": 0, "color_success": 0}, abs=1e-9)


def test_half_a_change_is_half_and_an_unasked_one_is_no_success(conflicting):
    triple = conflicting[0]
    old, new = before(triple).image.astype(float), triple.truth.image.astype(float)
    half = color_scores((old + new) / 2, triple.truth, before(triple))
    assert half["color_change"] == pytest.approx(0.5) and half["color_rest"] == pytest.approx(0, abs=1e-9)
    lost = color_scores(np.full_like(new, 255) - new, triple.truth, before(triple))
    assert lost["color_rest"] > 32 and lost["color_success"] == 0


def test_conflicts_are_measured_where_they_are_asked(asked, conflicting):
    plain = measure_true(asked[0].truth, asked[0])
    assert plain["scene_success"] == 1 and "color_change" not in plain
    changed = measure_true(conflicting[0].truth, conflicting[0])
    assert changed["color_success"] == 1 and "leakage" not in changed


def test_the_subject_on_the_references_scene_is_no_success(asked):
    triple = asked[0]
    shown = world.render(triple.identity, triple.pose, world.sample(triple.seed).scene)
    values = measure_true(shown, triple)
    assert values["scene_success"] == 0 and values["leakage"] > 5
    assert measure_true(triple.truth, triple)["leakage"] == 0


def test_leakage_grows_with_the_references_share_of_the_scene():
    truth, reference = np.full((64, 64, 3), 40, np.uint8), np.full((64, 64, 3), 140, np.uint8)
    nobody = np.zeros((64, 64), bool)
    shares = [leakage((1 - s) * truth + s * reference, truth, reference, nobody) for s in (0.0, 0.25, 1.0)]
    assert shares == pytest.approx([0, 25, 100])
    assert leakage(truth, truth, truth, nobody) == 0 == leakage(truth, truth, reference, ~nobody)
    subject = nobody.copy()
    subject[20:40, 20:40] = True
    assert leakage(np.where(subject[..., None], reference, truth), truth, reference, subject) == 0


def test_without_alignment_the_truth_stands_where_the_structure_image_has_it(asked):
    for triple in asked:
        there = world.render(triple.identity, triple.structure_pose, triple.scene)
        assert np.array_equal(there.mask, triple.structure.mask)
        assert measure_true(there, triple, aligned=False)["structure_iou"] == 1
        assert measure_true(there, triple)["structure_iou"] < 1
        assert measure_true(there, triple, aligned=False)["keypoint_distance"] == 0
        assert measure_true(there, triple)["keypoint_distance"] > 0.5


# --- interrupted runs


@pytest.fixture
def session(tiny_pipeline, tmp_path):
    with IdentitySession(tiny_pipeline(), store=tmp_path / "store", enable_progress_bar=False) as session:
        yield session


def draw(session, asked, names, book):
    drawn = []
    results = run(
        session,
        asked,
        parse_methods(names),
        boxes="true",
        sampling={"num_inference_steps": 1},
        book=book,
        on_score=lambda triple, score: drawn.append(score.method),
    )
    assert len(drawn) == len(results)
    return results


def test_what_the_file_holds_is_not_drawn_again(session, asked, tmp_path, monkeypatch):
    path = tmp_path / "scores.jsonl"
    first = draw(session, asked[:1], "prompt", ScoreBook(path, {"model": 1}))
    with open(path, "a") as file:
        file.write('{"question": "plain", "seed": 40')  # killed while writing
    both = draw(session, asked[:1], "prompt structure", ScoreBook(path, {"model": 1}))
    monkeypatch.setattr(session, "generate", None)  # drawing anything now would fail
    again = draw(session, asked[:1], "prompt structure", ScoreBook(path, {"model": 1}))
    assert len(path.read_text().splitlines()) == 2
    assert again[0].values == first[0].values and again[1].values == both[1].values
    assert all(np.array_equal(a.image, b.image) for a, b in zip(again, both, strict=True))


def test_scores_of_other_settings_or_measures_are_never_mixed(session, asked, tmp_path, monkeypatch):
    path = tmp_path / "scores.jsonl"
    draw(session, asked[:1], "prompt", ScoreBook(path, {"model": 1}))
    with pytest.raises(ConfigError, match="another model"):
        ScoreBook(path, {"model": 2}).find(asked[0], METHODS["prompt"])
    with pytest.raises(ConfigError, match="another --scores"):
        ScoreBook(path, {"model": 1}).find(asked[0], replace(METHODS["prompt"], sampling={"guidance_scale": 9}))
    monkeypatch.setattr(scorebook, "MEASURES", scorebook.MEASURES[1:])
    with pytest.raises(ConfigError, match="measured otherwise"):
        ScoreBook(path, {"model": 1}).find(asked[0], METHODS["prompt"])
    path.write_text("something else\n")
    with pytest.raises(ConfigError, match="no file of scores"):
        ScoreBook(path, {"model": 1})


# --- the report


class Links(HTMLParser):
    """Collects what a page would load."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found += [value for name, value in attrs if name in ("src", "href", "srcset", "data", "xlink:href")]


@pytest.fixture
def results(session, asked, conflicting):
    names = "prompt structure"
    return Results(
        asked[:2], draw(session, asked[:2], names, None), conflicting[:1], draw(session, conflicting[:1], names, None)
    )


def test_the_report_is_one_file_that_loads_nothing(results):
    text = report(results, {"seeds": "<all>", "methods": "prompt structure"})
    links = Links()
    links.feed(text)
    assert len(links.found) == 2 and all(link.startswith("data:image/png;base64,") for link in links.found)
    assert "url(" not in text and "@import" not in text and "<script" not in text and "&lt;all&gt;" in text
    sheet = Image.open(io.BytesIO(base64.b64decode(links.found[0].partition(",")[2])))
    assert sheet.width == 5 * 132 - 4
    mean = results.summary()["methods"]["prompt"]["subject_error"]["mean"]
    assert f"{mean:.1f} ±" in text and "scene leakage" in text and "colour change" in text
    assert "joint distance ↓" in text
    for svg in re.findall(r"<svg.*?</svg>", text, re.S):
        ET.fromstring(svg)


def heights(svg):
    return [float(each.get("height")) for each in ET.fromstring(svg).iter() if each.tag.endswith("rect")]


def test_bars_are_as_high_as_their_values():
    one, two = heights(bars("<t>", [Point("a & b", 10, 8, 12), Point("c", 20, 19, 21)]))
    assert two == pytest.approx(2 * one, rel=0.01)
    down = heights(bars("t", [Point("a", -5, -6, -4), Point("b", 5, 4, 6)]))
    assert down[0] == pytest.approx(down[1], rel=0.01)
    assert heights(bars("t", [Point("a", 0, 0, 0)])) == [0]


def test_curves_pass_their_points():
    svg = ET.fromstring(curve("t", [Point("1", 3, 2, 4), Point("2", 1, 1, 1), Point("3", 2, 1, 3)]))
    ys = [float(each.get("cy")) for each in svg.iter() if each.tag.endswith("circle")]
    assert ys[0] < ys[2] < ys[1] and ys[2] - ys[0] == pytest.approx(ys[1] - ys[2], abs=0.2)


# --- the ablations


def test_every_ablation_is_of_settings_that_exist():
    for name, ablation in ABLATIONS.items():
        drawn = methods("seal:steps=3", [name], ablation.question)
        assert len(drawn) == len(ablation.variants) > 1
        assert all(method.sampling == {"num_inference_steps": 3} for method in drawn)
        assert all(set(claim.along) <= set(ablation.variants) for claim in ablation.claims)
    assert variant("seal", "top_k=4").appearance.top_k == 4 and variant("seal", "").name == "seal"
    assert choose(None) == tuple(ABLATIONS) and choose("tau, delta") == ("tau", "delta")
    with pytest.raises(ConfigError, match="no ablation 'taus'"):
        choose("taus")


def test_verdicts_need_the_whole_change_and_no_step_against():
    noise = np.random.default_rng(0).normal(0, 0.1, (4, 20))
    rising, flat, falling = (slope * np.arange(4)[:, None] + noise for slope in (1, 0, -1))
    assert [judge(list(values), True) for values in (rising, flat, falling)] == ["holds", "undecided", "does not hold"]
    assert judge(list(falling), False) == "holds"
    assert judge(list(rising[[0, 2, 1, 3]]), True) == "holds in part"
    assert judge(list(rising[:, :2]), True) == "undecided"  # two seeds decide nothing


def test_ablations_are_summed_up_and_shown():
    image = np.zeros((8, 8, 3), np.uint8)
    names, values = (
        ("top_k",),
        {"seal:top_k=1": 10.0, "seal:top_k=4": 12.0, "seal:top_k=16": 14.0, "seal:top_k=0": 15.0},
    )
    kept = ("part_color_error", "pattern_error", "structure_iou", "scene_error", "leakage")
    scores = [
        Score(seed, "mesh", method, image, dict.fromkeys(kept, value + seed))
        for seed in range(6)
        for method, value in values.items()
    ]
    summary = summarize_ablations(Results([], scores, [], []), "seal", names)
    assert [claim["verdict"] for claim in summary["top_k"]["claims"]] == ["holds", "holds"]
    assert summary["top_k"]["claims"][0]["change"]["mean"] == pytest.approx(5)
    assert summary["top_k"]["variants"]["4"]["pattern_error"]["mean"] == pytest.approx(14.5)
    text = ablation_report(json.loads(json.dumps(summary)), {"seeds": "0:6"})
    assert (
        text.count("<svg") == 5
        and "k = 1 is sharp" in text
        and "http://" not in text.replace("http://www.w3.org/2000/svg", "")
    )


# --- the command


@pytest.fixture
def small(monkeypatch, tiny_pipeline):
    """The command on a tiny pipeline."""
    monkeypatch.setattr(quality, "IdentitySession", lambda model, **given: IdentitySession(tiny_pipeline(), **given))


def invoke(*arguments):
    return CliRunner().invoke(seal, ["bench", *arguments])


def test_bench_quality_prints_one_json_document_and_goes_on(small, tmp_path):
    scores, page, sheet = tmp_path / "s.jsonl", tmp_path / "r.html", tmp_path / "s.png"
    arguments = [
        "quality",
        "--seeds",
        "400000:400002",
        "--kinds",
        "mesh",
        "--methods",
        "structure,ctrlx",
        "--steps",
        "1",
    ]
    arguments += ["--boxes", "true", "--scores", str(scores), "--json"]
    first = invoke(*arguments)
    assert first.exit_code == 0, first.output
    summary = json.loads(first.stdout)
    assert set(summary["methods"]) == {"structure", "ctrlx"} and summary["seeds"] == 2 and first.stderr == ""
    assert len(summary["methods"]["ctrlx"]["subject_error"]["ci95"]) == 2
    assert all(0 < values["keypoint_distance"]["mean"] < 181 for values in summary["methods"].values())
    assert "leakage" in summary["differences"]["ctrlx"]
    assert {"scene_error", "keypoint_distance"} <= set(summary["ratios"]["ctrlx"])
    second = invoke(*arguments, "--report", str(page), "--sheet", str(sheet))
    assert second.stdout == first.stdout and len(scores.read_text().splitlines()) == 4
    assert page.read_text().startswith("<!doctype html>") and Image.open(sheet).width == 5 * 132 - 4


def test_bench_ablations_prints_the_claims(small, tmp_path):
    page = tmp_path / "a.html"
    arguments = [
        "--seeds",
        "400000",
        "--kinds",
        "mesh",
        "--steps",
        "1",
        "--boxes",
        "true",
        "--only",
        "schedule,delta_bridge",
    ]
    result = invoke("ablations", *arguments, "--report", str(page))
    assert result.exit_code == 0, result.output
    assert "Careful early steps secure the structure." in result.stdout and "undecided" in result.stdout
    assert page.read_text().count("<svg") == 5 + 4


def test_the_command_names_mistakes_before_it_loads_a_model(tmp_path):
    for arguments, message in (
        (["--seeds", "5:5"], "no range of seeds"),
        (["--methods", "magic"], "no method 'magic'"),
        (["--kinds", "photo"], "no structure kind"),
        (["--kinds", ""], "no structure kind"),
        (["--report", str(tmp_path / "none" / "r.html")], "does not exist"),
    ):
        result = invoke("quality", *arguments)
        assert result.exit_code == 2 and message in result.output, result.output
    assert "choose from anchor_align" in invoke("ablations", "--only", "magic").output


def test_help_names_all_methods_and_ablations():
    text = " ".join(invoke("quality", "--help").output.split()).replace("- ", "-")
    assert all(name in text for name in METHODS)
    text = " ".join(invoke("ablations", "--help").output.split())
    assert all(name in text for name in ABLATIONS)
