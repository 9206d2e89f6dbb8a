"""The sentences of the paper: what is drawn for them, and what is printed of them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from seal_sdk.errors import ConfigError
from seal_sdk.evaluation import Results, Score, parse_method
from seal_sdk.evaluation.claims.sentences import SENTENCES
from seal_sdk.evaluation.metrics.measures import MEASURES
from seal_sdk.evaluation.reports.paper_claims import claims_report, claims_text, verdict_table
from seal_sdk.evaluation.tasks.paper_claims import check_bases, choose_sentences, methods_of, summarize_claims
from seal_sdk.evaluation.tasks.quality import Answers

BASES = ("seal", "seal:preset=paper")
IMAGE = np.zeros((8, 8, 3), np.uint8)


def results(asked, names, error):
    """Hand-made scores of what is drawn for these sentences. error: (seed, method) -> every metric."""
    methods = methods_of(BASES, names)
    scores = {
        question: [
            Score(each.seed, "mesh", method.name, IMAGE, {metric.name: error(each.seed, method) for metric in MEASURES})
            for each in asked
            for method in chosen
        ]
        for question, chosen in methods.items()
    }
    return Results(Answers(asked, scores["plain"]), {"color": Answers(asked, scores["color"])})


def test_every_claim_names_methods_that_parse_and_metrics_that_are_measured():
    known = {metric.name for metric in MEASURES}
    for name, sentence in SENTENCES.items():
        for ablation in sentence.ablations.values():
            assert set(ablation.curves) <= known and ablation.claims
            for claim in ablation.claims:
                assert {*claim.along, *claim.less} <= set(ablation.variants) and claim.metric in known
        for methods in methods_of(BASES, (name,)).values():
            assert all(parse_method(method.name) == method for method in methods)


def test_what_several_sentences_need_is_drawn_once():
    plain = methods_of(("seal", "seal:delta=10"), tuple(SENTENCES))["plain"]
    names = [method.name for method in plain]
    assert len(set(names)) == len(names) == 25 and "seal:tau=0.15" not in names and "seal:delta=10" not in names
    assert names.count("seal") == 1 and {"seal:top_k=1", "seal:delta=30", "ctrlx", "drf"} <= set(names)


def test_baselines_share_what_they_can_with_the_base():
    base = "seal:preset=paper,alignment.enabled=false,steps=7,guidance=3,guidance_interval=0.2-0.8"
    plain, color = methods_of((base,), ("baselines",)).values()
    ctrlx = next(method for method in plain if method.baseline == "ctrlx")
    assert ctrlx.structure == plain[0].structure and ctrlx.structure.features == ("up_blocks.0.resnets.0",)
    assert not ctrlx.alignment.enabled and ctrlx.sampling == {"num_inference_steps": 7, "guidance_scale": 3}
    assert [method.baseline for method in color] == [None, "ctrlx", "drf"]


def test_verdicts_stand_side_by_side(asked):
    def error(seed, method):  # with "seal" the infusion is what counts, with "paper" nothing does
        return seed % 7 + (20.0 if method.appearance.delta == 0 and "paper" not in method.name else 0.0)

    names = ("modules", "schedule")
    summary = json.loads(json.dumps(summarize_claims(results(asked, names, error), None, BASES, names)))
    modules, schedule = summary["sentences"].values()
    assert [each["verdict"] for each in modules["bases"].values()] == ["holds", "undecided"]
    assert {each["verdict"] for each in schedule["bases"].values()} == {"undecided"}
    claim = modules["bases"]["seal"]["ablations"]["modules"]["claims"][0]
    assert claim["along"] == ["no AnchorAlign", "no infusion"] and claim["change"]["mean"] == pytest.approx(20)
    assert verdict_table(summary) == (
        ("", "claim", *BASES),
        [("1", "modules", "holds", "undecided"), ("2", "schedule", "undecided", "undecided")],
    )
    text = claims_text(summary, 60)
    assert "seal: HOLDS" in text and "Not seen here: the paper's own schedule" in text
    assert max(map(len, text.splitlines())) <= 60
    page = claims_report(summary, {"seeds": "0:4"})
    assert page.count("<svg") == 2 * (4 + 6) and page.count("<h3>") == 4
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")


def test_a_verdict_says_what_was_not_seen_or_measured(asked):
    def better(seed, method):  # the careful schedule has more of everything that is better
        return (0.0 if method.appearance.schedule == "constant" else 1.0) + seed % 3

    summary = summarize_claims(results(asked, ("schedule",), better), None, BASES, ("schedule", "cost"))
    assert summary["sentences"]["schedule"]["bases"]["seal"]["verdict"] == "holds in part"  # the pose is said to suffer
    (_, (first, second)) = verdict_table(summary)
    assert first[2] == "holds in part" and second[2] == "undecided: not measured of this base"
    summary["sentences"]["schedule"]["bases"]["seal"]["verdict"] = "holds"
    assert verdict_table(summary)[1][0][2] == "holds, as far as seen here"


def test_wrong_names_and_bases_are_told():
    assert choose_sentences("tau, delta,tau") == ("tau", "delta") and choose_sentences(None) == tuple(SENTENCES)
    for only, wrong in (("taus", "'taus'"), (",", "''")):
        with pytest.raises(ConfigError, match=f"no claim {wrong}; choose from modules, anchor_align"):
            choose_sentences(only)
    assert check_bases((*BASES, "seal")) == BASES
    for base, message in (("magic", "no method 'magic'"), ("seal:x=1", "'x'"), ("ctrlx", "'delta'")):
        with pytest.raises(ConfigError, match=message):
            check_bases((base,))
