"""Methods and their variants, summaries, and the whole benchmark on a tiny pipeline."""

from __future__ import annotations

import json

import numpy as np
import pytest

from seal_sdk import IdentitySession
from seal_sdk.config import Alignment, Appearance, DeltaBridge, Structure
from seal_sdk.errors import ConfigError, SubjectNotFound
from seal_sdk.evaluation import (
    METHODS,
    METRICS,
    Score,
    contact_sheet,
    parse_method,
    parse_methods,
    run,
    summarize,
    table,
    triples,
)


def test_named_methods_are_the_sessions_settings():
    assert METHODS["seal"].appearance == Appearance() and METHODS["seal"].delta_bridge == DeltaBridge()
    assert METHODS["structure"].appearance.delta == 0 and METHODS["structure"].delta_bridge.strength == 0
    assert METHODS["structure"].structure == Structure() and METHODS["structure"].uses_structure
    assert not METHODS["prompt"].uses_structure


def test_a_variant_changes_what_it_names():
    method = parse_method(
        "seal:delta=1,top_k=4,latents=clean,layers=mid+up+down,strength=0.25,bridge.end=0.4,structure.end=0.5"
    )
    assert method.appearance == Appearance(delta=1, top_k=4, latents="clean", layers=("mid", "up", "down"))
    assert method.delta_bridge == DeltaBridge(strength=0.25, end=0.4)
    assert method.structure == Structure(end=0.5)
    assert method.name.startswith("seal:delta=1")


def test_a_variant_may_change_alignment_sampling_and_registration():
    method = parse_method("structure:enabled=false,fill=0+0+0,steps=7,guidance=2.5,timesteps=exact")
    assert method.alignment == Alignment(enabled=False, fill=(0, 0, 0))
    assert method.sampling == {"num_inference_steps": 7, "guidance_scale": 2.5}
    assert method.timesteps == "exact"
    assert method.appearance.delta == 0
    assert parse_method("seal:layers=up").appearance.layers == ("up",)
    assert parse_method("seal:timesteps=2").timesteps == 2
    assert parse_method("seal:gating=none,quantization=none").appearance.gating == "none"


@pytest.mark.parametrize(
    "text",
    [
        "prompt,structure,seal:delta=1,top_k=4",
        "prompt structure seal:delta=1,top_k=4",
        "prompt;structure;seal:delta=1,top_k=4",
    ],
)
def test_lists_of_methods(text):
    methods = parse_methods(text)
    assert [method.name for method in methods] == ["prompt", "structure", "seal:delta=1,top_k=4"]
    assert methods[2].appearance.top_k == 4


def test_variants_may_follow_each_other_after_commas():
    assert [m.name for m in parse_methods("seal:tau=0.3,seal:delta=2,tau=0.1,prompt")] == [
        "seal:tau=0.3",
        "seal:delta=2,tau=0.1",
        "prompt",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sael", "no method 'sael'"),
        ("seal:detla=1", "did you mean delta"),
        ("seal:end=0.5", "bridge.end or structure.end"),
        ("seal:delta", "setting=value"),
        ("seal:delta=-1", "delta=-1"),
        ("seal:top_k=many", "top_k='many'"),
        ("seal:bridge.delta=1", "no setting 'bridge.delta'"),
        ("seal seal", "given twice"),
        ("", "No methods"),
    ],
)
def test_mistakes_are_named(text, message):
    with pytest.raises(ConfigError, match=message.replace("[", r"\[")):
        parse_methods(text)


def fake_scores(values, method="structure", kind="mesh"):
    image = np.zeros((8, 8, 3), np.uint8)
    return [
        Score(seed, kind, method, image, dict.fromkeys((m.name for m in METRICS), value))
        for seed, value in enumerate(values)
    ]


def test_a_summary_gives_means_intervals_and_paired_ratios():
    summary = summarize(fake_scores([10, 20, 30, 40]) + fake_scores([5, 10, 15, 20], "seal"))
    mean = summary["methods"]["structure"]["subject_error"]
    assert mean["mean"] == 25
    assert 10 <= mean["ci95"][0] < 25 < mean["ci95"][1] <= 40
    ratio = summary["ratios"]["seal"]["subject_error"]
    assert ratio["mean"] == pytest.approx(0.5) and ratio["ci95"] == pytest.approx([0.5, 0.5])
    assert summary == summarize(fake_scores([10, 20, 30, 40]) + fake_scores([5, 10, 15, 20], "seal"))
    assert summary["seeds"] == 4 and summary["told"] == {"structure": 0, "seal": 0}


def test_a_summary_keeps_kinds_apart():
    summary = summarize(fake_scores([10, 20]) + fake_scores([30, 40], kind="pose"))
    assert summary["methods"]["structure"]["scene_error"]["mean"] == 25
    assert summary["kinds"]["pose"]["methods"]["structure"]["scene_error"]["mean"] == 35
    assert "pose" in table(summary) and "25.0" in table(summary)


class LazyFinder:
    """Finds the subject of references at a fixed place, and nobody in structure images."""

    fingerprint, calls = "lazy", 0

    def find(self, image, what="reference"):
        from seal_sdk.subject import Subject

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
    assert session.finder.calls == 0
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
    assert session.finder.calls == 2  # the reference and the structure image
    summary = summarize(results)
    assert summary["told"] == {"prompt:steps=1": 0, "seal:steps=1": 1}
    assert table(summary).endswith("needed to be told where the subject is: seal:steps=1: 1")


def test_every_run_draws_the_same(session):
    asked, methods = list(triples([400_001], ("depth",))), parse_methods("seal:steps=1")
    first, second = (run(session, asked, methods, boxes="true")[0] for _ in range(2))
    assert np.array_equal(first.image, second.image) and first.values == second.values


def test_unknown_boxes_are_refused(session):
    with pytest.raises(ConfigError, match="boxes='mine'"):
        run(session, [], [], boxes="mine")
