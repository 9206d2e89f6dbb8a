"""Interrupted runs: what the file holds is not computed again, and never mixed with other settings."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from seal_sdk.errors import ConfigError
from seal_sdk.evaluation import METHODS, ScoreBook, parse_methods, run, scorebook
from seal_sdk.evaluation.baselines import BASELINES
from seal_sdk.evaluation.painter import Painter
from seal_sdk.evaluation.questions.conflicts import conflicting
from seal_sdk.evaluation.questions.wordings import reworded
from seal_sdk.evaluation.score import Score


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
        ScoreBook(path, {"model": 2}).find(asked[0], METHODS["prompt"], {})
    with pytest.raises(ConfigError, match="another --scores"):
        ScoreBook(path, {"model": 1}).find(asked[0], replace(METHODS["prompt"], sampling={"guidance_scale": 9}), {})
    monkeypatch.setattr(scorebook, "MEASURES", scorebook.MEASURES[1:])
    with pytest.raises(ConfigError, match="measured otherwise"):
        ScoreBook(path, {"model": 1}).find(asked[0], METHODS["prompt"], {})
    path.write_text("something else\n")
    with pytest.raises(ConfigError, match="no file of scores"):
        ScoreBook(path, {"model": 1})


@pytest.mark.parametrize("name", BASELINES)
def test_pictures_of_a_baseline_with_other_settings_of_its_own_are_never_mixed(session, asked, tmp_path, name):
    method, book = METHODS[name], ScoreBook(tmp_path / "scores.jsonl", {})
    facts = Painter(session, {}).facts(method)
    json.dumps(facts)  # plain JSON
    score = Score(asked[0].seed, asked[0].kind, name, asked[0].truth.image, {}, told=False)
    book.add(asked[0], method, score, facts)
    assert book.find(asked[0], method, facts) is not None
    assert bool(facts) == (name not in {"ctrlx", "cross-image", "concat", "style-aligned"})
    for key in facts:
        with pytest.raises(ConfigError, match="another --scores"):
            book.find(asked[0], method, {**facts, key: "other"})


def test_kinds_of_conflict_and_wordings_are_kept_apart(session, asked, tmp_path, monkeypatch):
    path, first = tmp_path / "scores.jsonl", asked[:1]
    questions = [*first, *(each for kind in ("color", "agree") for each in conflicting(first, kind))]
    questions = [*questions, *reworded(questions, "paraphrased")]
    drawn = draw(session, questions, "prompt", ScoreBook(path, {}))
    assert len(path.read_text().splitlines()) == len(list((tmp_path / "scores.jsonl.pictures").iterdir())) == 6
    monkeypatch.setattr(session, "generate", None)  # drawing anything now would fail
    again = draw(session, questions, "prompt", ScoreBook(path, {}))
    assert [each.values for each in again] == [each.values for each in drawn]
    assert "color_change" in again[1].values and "scene_success" in again[2].values
