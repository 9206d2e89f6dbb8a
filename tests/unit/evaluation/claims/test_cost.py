"""The claims about time and memory, on hand-made measurements."""

from __future__ import annotations

import pytest

from seal_sdk.evaluation.claims.cost import OURS, SYSTEMS, summarize_cost


def measured(peaks=None, **seconds):
    """What `measure_speed` returns, as far as the claims look at it. seconds: of three repeats; peaks: MB beyond 50 MB of weights."""
    times = dict.fromkeys(SYSTEMS, 4.0) | seconds

    def system(name):
        each = [times[name] + give for give in (0.0, 0.1, 0.2)]
        peak = None if peaks is None else int(1e6 * peaks.get(name, 50))
        return {
            "seconds": each,
            "parts_each": {"generate": [value / 2 for value in each]},
            "peak_bytes": peak,
            "weight_bytes": 50_000_000,
        }

    return {"setup": {"model": "pocket", "size": 128}, "systems": {name: system(name) for name in SYSTEMS}}


@pytest.mark.parametrize(("hot", "verdict"), [(5.0, "holds"), (8.1, "undecided"), (9.5, "does not hold")])
def test_one_picture_pays_for_what_an_amortised_one_does_not(hot, verdict):
    speed = measured({"drf": 90, "controlnet+ip-adapter": 70}, ctrlx=8.0, cold=10.0)
    speed["systems"]["hot"]["parts_each"]["generate"] = [hot, hot + 0.1, hot - 0.1]
    speed["systems"]["ctrlx"]["seconds"] = [8.1, 8.0, 8.2]
    found = summarize_cost(speed, "seal")
    ctrlx = [claim["verdict"] for claim in found["claims"] if "Ctrl-X" in claim["along"]]
    memory = [claim["verdict"] for claim in found["claims"] if claim["metric"] == "memory"]
    assert ctrlx == ["holds", verdict] and memory == ["holds", "holds"]


def test_the_papers_procedure_amortises_its_registration():
    found = summarize_cost(measured({}, stateless=6.0), "seal:preset=paper")
    variants = found["variants"]
    assert variants["SeAl, one picture"]["seconds"]["mean"] == pytest.approx(6.1)
    assert variants["SeAl, amortised"]["seconds"]["mean"] == pytest.approx(3.05)
    assert "memory" not in variants["SeAl, amortised"]  # it is the run's as a whole
    assert variants["DRF"]["memory"]["mean"] == 100


def test_memory_that_differs_by_less_than_a_tenth_decides_nothing():
    for peak, expected in ((50, "undecided"), (58, "undecided"), (70, "holds"), (30, "does not hold")):
        found = summarize_cost(measured({"controlnet+ip-adapter": peak}), "seal")
        assert found["claims"][0]["verdict"] == expected
    assert all(claim["metric"] == "seconds" for claim in summarize_cost(measured(), "seal")["claims"])


def test_other_bases_were_not_measured():
    assert summarize_cost(measured(), "seal:delta=3") is None and set(OURS) == {"seal", "seal:preset=paper"}
