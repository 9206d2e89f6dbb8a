"""Verdicts on hand-made figures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from seal_sdk.evaluation.claims.claim import Claim, combined, judge, summarize_claim

NOISE = np.random.default_rng(0).normal(0, 0.1, 30)
FALLS = Claim("It falls.", "error", ("before", "after"), False)


def changed(by, seeds=30):
    """Values of two variants whose difference is about ``by``."""
    before = 10 * np.arange(seeds, dtype=float)
    return {"before": before, "after": before + by + NOISE[:seeds]}


def test_no_worse_allows_the_margin_and_no_more():
    verdicts = [judge(list(changed(by).values()), False, margin=2.0) for by in (-1, 1.5, 2.0, 3.0)]
    assert verdicts == ["holds", "holds", "undecided", "does not hold"]
    assert judge(list(changed(1.5).values()), False) == "does not hold"
    assert judge(list(changed(-1.5).values()), True, margin=2.0) == "holds"


def test_a_control_is_taken_off():
    claim = replace(FALLS, less=("before, control", "after, control"))
    both = changed(5) | {f"{name}, control": values for name, values in changed(8).items()}
    found = summarize_claim(claim, both)
    assert found["verdict"] == "holds" and found["change"]["mean"] == pytest.approx(-3)
    assert summarize_claim(FALLS, both)["verdict"] == "does not hold"  # it rises by 5, but less than its control


def test_a_claim_about_misalignment_compares_the_outer_thirds():
    claim = replace(FALLS, rises=True, with_misalignment=True)
    moved = np.random.default_rng(1).permutation(30) / 30
    values = changed(0)
    values["after"] = values["after"] + 6 * moved
    found = summarize_claim(claim, values, moved)
    aligned, misaligned = (found["thirds"][name]["mean"] for name in ("aligned", "misaligned"))
    assert aligned == pytest.approx(6 * 4.5 / 30, abs=0.1) and misaligned == pytest.approx(6 * 24.5 / 30, abs=0.1)
    assert found["change"]["mean"] == pytest.approx(misaligned - aligned) and found["verdict"] == "holds"
    assert summarize_claim(replace(claim, rises=False), values, moved)["verdict"] == "does not hold"
    assert summarize_claim(claim, changed(5), moved)["verdict"] == "undecided"  # large, and the same everywhere
    few = {name: each[:8] for name, each in values.items()}
    assert summarize_claim(claim, few, moved[:8])["verdict"] == "undecided"  # two seeds in each third


def test_a_sentence_holds_in_part_if_only_some_of_its_claims_do():
    assert combined(["holds", "holds"]) == "holds"
    assert combined(["holds", "undecided"]) == combined(["holds", "does not hold"]) == "holds in part"
    assert combined(["holds in part", "undecided"]) == "holds in part"
    assert combined(["undecided", "does not hold"]) == "does not hold"
    assert combined(["undecided", "undecided"]) == combined([]) == "undecided"
