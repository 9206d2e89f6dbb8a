"""The paper's ablations and the verdicts on its claims."""

from __future__ import annotations

import json

import numpy as np
import pytest

from seal_sdk.errors import ConfigError
from seal_sdk.evaluation import Results, Score
from seal_sdk.evaluation.claims.ablation import variant
from seal_sdk.evaluation.claims.ablations import ABLATIONS
from seal_sdk.evaluation.claims.claim import judge
from seal_sdk.evaluation.reports.ablations import ablation_report
from seal_sdk.evaluation.tasks.ablations import choose, methods, summarize_ablations
from seal_sdk.evaluation.tasks.quality import Answers


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
    kept = ("sharpness", "part_color_error", "pattern_error", "structure_iou", "scene_error", "leakage")
    scores = [
        Score(seed, "mesh", method, image, dict.fromkeys(kept, value + seed))
        for seed in range(6)
        for method, value in values.items()
    ]
    summary = summarize_ablations(Results(Answers([], scores)), "seal", names)
    assert [claim["verdict"] for claim in summary["top_k"]["claims"]] == ["does not hold", "holds", "holds"]
    assert summary["top_k"]["claims"][1]["change"]["mean"] == pytest.approx(5)
    assert summary["top_k"]["variants"]["4"]["pattern_error"]["mean"] == pytest.approx(14.5)
    text = ablation_report(json.loads(json.dumps(summary)), {"seeds": "0:6"})
    assert (
        text.count("<svg") == 6
        and "k = 1 is sharp" in text
        and "http://" not in text.replace("http://www.w3.org/2000/svg", "")
    )
