"""Means, intervals and ratios."""

from __future__ import annotations

import numpy as np
import pytest

from seal_sdk.evaluation import METRICS, Score, summarize, table


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
