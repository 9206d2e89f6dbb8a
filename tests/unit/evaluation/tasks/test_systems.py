"""Quality and costs of systems in one run, with the embedded model and two steps; and the report of it."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET

import pytest

from seal_sdk.errors import ConfigError
from seal_sdk.evaluation import Setup, measure_quality, parse_methods
from seal_sdk.evaluation.cost.amortised import amortised
from seal_sdk.evaluation.reports.systems import (
    break_even_table,
    break_even_words,
    cost_table,
    overview_table,
    systems_report,
)
from seal_sdk.evaluation.tasks.systems import SYSTEMS, measure_systems

SEED, STEPS = 400_010, 2


@pytest.fixture(scope="module")
def scores(tmp_path_factory):
    return tmp_path_factory.mktemp("systems") / "scores.jsonl"


@pytest.fixture(scope="module")
def results(scores):
    methods = parse_methods("structure concat seal exact")
    return measure_systems([SEED], methods, kinds=("mesh",), setup=Setup(steps=STEPS), scores=scores)


def test_the_json_is_that_of_quality_with_costs_beside(results, scores):
    document, lines = json.loads(json.dumps(results.to_json())), scores.read_text().splitlines()
    costs = document.pop("costs")
    methods = parse_methods("structure concat seal exact")
    setup = Setup(steps=STEPS)
    again = measure_quality([SEED], methods, kinds=("mesh",), conflict_methods=methods, setup=setup, scores=scores)
    assert document == again.summary() and set(document["conflict_kinds"]) == {"color"}
    assert len(lines) == 2 * 4 and scores.read_text().splitlines() == lines  # pictures of costs are not scored
    assert set(costs) == {"machine", "subjects", "systems", "break_even"}
    assert costs["subjects"] == [SEED] and costs["machine"]["device"] == "cpu"
    assert set(costs["machine"]) >= {"threads", "torch", "device_name", "precision"}


def test_costs_are_those_of_each_system(results):
    costs = results.costs["systems"]
    assert list(costs) == ["structure", "concat", "seal"]  # the truth costs nothing
    assert {name: each["once"]["rows"] for name, each in costs.items()} == {"structure": 0, "concat": 0, "seal": 4}
    # without a prompt, with it, and the structure image; concat also has two rows of the reference
    assert costs["structure"]["picture"]["rows"] == 3 * STEPS
    assert costs["concat"]["picture"]["rows"] == 5 * STEPS
    assert costs["structure"]["once"]["seconds"] == 0 and costs["structure"]["kept_bytes"] == 0
    assert costs["concat"]["once"]["seconds"] < costs["seal"]["once"]["seconds"]
    assert 1_000 < costs["concat"]["kept_bytes"] < 50_000 < costs["seal"]["kept_bytes"]
    assert all(each["picture"]["seconds"] > 0 for each in costs.values())
    assert set(results.costs["break_even"]) == {"seal"} and set(results.costs["break_even"]["seal"]) == {
        "structure",
        "concat",
    }


def test_the_tables_have_a_line_for_each_system(results):
    summary, costs = results.quality.summary(), results.costs
    head, lines = overview_table(summary, costs)
    assert [line[0] for line in lines] == ["structure", "concat", "seal", "exact"] and lines[-1][-6:] == ("",) * 6
    mean = summary["methods"]["seal"]["subject_error"]["mean"]
    assert head[1] == "subject error ↓" and lines[2][1].startswith(f"{mean:.1f} ±") and "colour success ↑" in head
    head, lines = cost_table(costs)
    assert head[-4:] == ("1: s", "5: s", "20: s", "100: s") and lines[0][1:3] == ("0", "0")
    assert lines[2][-1] == f"{amortised(costs['systems']['seal'], 100):.3f}"


def test_break_even_is_told_in_a_table_and_in_words():
    costs = {"break_even": {"slow": {"a": 12, "b": None}}, "systems": dict.fromkeys(("a", "b", "slow"))}
    assert break_even_table(costs) == (("no slower than", "slow"), [("a", "12"), ("b", "never"), ("slow", "")])
    assert break_even_words(costs) == ["slow: as fast as a from 12 pictures of a subject on; never as fast as b."]


def test_the_report_has_costs_plots_and_quality(results):
    text = systems_report(results, {"seeds": "<some>"})
    plots = re.findall(r"<svg.*?</svg>", text, re.S)
    for svg in plots:
        ET.fromstring(svg)
    titles = ("drawn once", "drawn 5 times", "drawn 20 times", "drawn 100 times")
    assert [sum(title in svg for svg in plots) for title in titles] == [1] * 4
    for told in ("&lt;some&gt;", "Break-even", "picture, rows", "seal: ", "How often each does what was asked"):
        assert told in text
    assert text.count('src="data:image/png;base64,') == 2 and "<script" not in text and "url(" not in text


def test_costs_are_measured_on_subjects_of_the_most_frequent_species(asked):
    from collections import Counter

    from seal_sdk.evaluation.questions.triples import triples
    from seal_sdk.evaluation.tasks.systems import _of_one_species

    questions = list(triples(range(SEED, SEED + 6), ("mesh", "pose")))
    found = _of_one_species(questions, 2)
    species = Counter(each.identity.species for each in questions if each.kind == "mesh")
    assert {each.identity.species for each in found} == {species.most_common(1)[0][0]} and len(found) == 2
    assert {each.kind for each in found} == {"mesh"} and len({each.seed for each in found}) == 2


def test_the_comparison_names_methods():
    assert [method.name for method in parse_methods(" ".join(SYSTEMS))] == list(SYSTEMS) and len(SYSTEMS) == 14


def test_what_cannot_be_measured_is_told_before_a_model_is_loaded(monkeypatch):
    monkeypatch.setattr("seal_sdk.evaluation.session.IdentitySession", None)
    with pytest.raises(ConfigError, match="subjects=0"):
        measure_systems([SEED], parse_methods("seal"), subjects=0)
    with pytest.raises(ConfigError, match="'exact' is the ground truth"):
        measure_systems([SEED], parse_methods("exact"))
    with pytest.raises(ConfigError, match="no structure kind"):
        measure_systems([SEED], parse_methods("seal"), kinds=("photo",))
