"""Methods on triples, in one session of a tiny pipeline."""

from __future__ import annotations

import json

import numpy as np
import pytest

from seal_sdk import IdentitySession
from seal_sdk.errors import ConfigError, SubjectNotFound
from seal_sdk.evaluation import contact_sheet, parse_methods, run, summarize, table, triples
from seal_sdk.evaluation.baselines import dreambooth_lora
from seal_sdk.evaluation.metrics.truth import dilate, scene_error, subject_error
from seal_sdk.evaluation.tasks.scoring import render_exact


class LazyFinder:
    """Finds the subject of references at a fixed place, and nobody in structure images."""

    fingerprint, calls = "lazy", 0

    def find(self, image, what="reference"):
        from seal_sdk.segmentation import Subject

        self.calls += 1
        if what == "structure":
            raise SubjectNotFound("nobody")
        mask = np.zeros((image.height, image.width), bool)
        mask[20:110, 20:100] = True
        return Subject((20.0, 20.0, 100.0, 110.0), mask)


@pytest.fixture
def session(tiny_pipeline, tmp_path):
    with IdentitySession(tiny_pipeline(), store=tmp_path, subject=LazyFinder(), enable_progress_bar=False) as session:
        yield session


def test_the_whole_benchmark(session):
    asked, seen = list(triples([400_000], ("mesh", "depth"))), []
    methods = parse_methods("prompt:steps=1 structure:steps=1 seal:steps=1 exact")
    results = run(session, asked, methods, boxes="true", on_score=lambda triple, score: seen.append(score))
    assert session.segmenter.calls == 0
    assert seen == results and len(results) == 2 * 4
    by_name = {(s.seed, s.kind, s.method.partition(":")[0]): s for s in results}
    first = [
        by_name[400_000, kind, name].image for kind in ("mesh", "depth") for name in ("prompt", "structure", "seal")
    ]
    assert np.array_equal(first[0], first[3]) and not np.array_equal(
        first[1], first[4]
    )  # only the prompt ignores the structure image
    assert not np.array_equal(first[1], first[2])
    assert by_name[400_000, "mesh", "exact"].values["subject_error"] < 6
    sheet = contact_sheet(asked, results)
    assert sheet.width == 7 * 132 - 4 and sheet.height > 2 * 132
    json.dumps(summarize(results))


def test_a_session_that_finds_nobody_is_told_and_the_score_says_so(session):
    asked = list(triples([400_000], ("mesh",)))
    results = run(session, asked, parse_methods("prompt:steps=1 seal:steps=1"))
    assert [score.told for score in results] == [False, True]
    assert session.segmenter.calls == 2  # the reference and the structure image
    summary = summarize(results)
    assert summary["told"] == {"prompt:steps=1": 0, "seal:steps=1": 1}
    assert table(summary).endswith("needed to be told where the subject is: seal:steps=1: 1")


def test_every_run_draws_the_same(session):
    asked, methods = list(triples([400_001], ("depth",))), parse_methods("seal:steps=1")
    first, second = (run(session, asked, methods, boxes="true")[0] for _ in range(2))
    assert np.array_equal(first.image, second.image) and first.values == second.values


def test_a_baseline_that_cannot_be_opened_is_told_before_the_first_picture(session, monkeypatch):
    monkeypatch.setattr(dreambooth_lora, "find_spec", lambda name: None)
    monkeypatch.setattr(session, "generate", None)  # drawing anything would fail
    with pytest.raises(ConfigError, match="pip install peft"):
        run(session, list(triples(range(400_000, 400_001), ("mesh",))), parse_methods("structure dreambooth-lora"))


def test_unknown_boxes_are_refused(session):
    with pytest.raises(ConfigError, match="boxes='mine'"):
        run(session, [], [], boxes="mine")


def test_the_exact_picture_differs_from_the_truth_by_its_scene_only():
    triple = next(triples([400_000], ("mesh",)))
    exact = render_exact(triple)
    inside = ~dilate(~triple.truth.mask, 2)  # the outline mixes with the scene
    assert subject_error(exact, triple.truth.image, inside) < 0.1
    assert scene_error(exact, triple.truth.image, triple.truth.mask) > 1
