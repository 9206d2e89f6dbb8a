"""The HTML report is one file that opens offline."""

from __future__ import annotations

import base64
import io
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest
from PIL import Image

from seal_sdk.evaluation import MEASURES, Results, Score, report
from seal_sdk.evaluation.metrics.measures import SUCCESS
from seal_sdk.evaluation.questions.conflicts import conflicting as ask
from seal_sdk.evaluation.reports.successes import successes
from seal_sdk.evaluation.tasks.quality import Answers


class Links(HTMLParser):
    """Collects what a page would load."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found += [value for name, value in attrs if name in ("src", "href", "srcset", "data", "xlink:href")]


def fake(triple, method, value, success):
    """A score with the measures of its question."""
    only = {
        "plain": ("leakage", "scene_success"),
        "color": ("color_change", "color_rest", "color_followed", "color_success"),
        "removal": ("pattern_named", "pattern_success"),
    }
    others = {"both_followed", "both_success", *(name for names in only.values() for name in names)} - set(
        only[triple.question]
    )
    values = {metric.name: value for metric in MEASURES if metric.name not in others}
    return Score(
        triple.seed, triple.kind, method, triple.truth.image, values | {SUCCESS[triple.question].name: success}
    )


@pytest.fixture
def measured(asked, conflicting):
    """Results of two wordings; in the second one nothing but scenes succeeds."""
    values = {"seal": 30.0, "structure": 40.0}

    def answers(questions, success):
        scores = [
            fake(each, method, value + number, success if method == "seal" else 0.0)
            for number, each in enumerate(questions)
            for method, value in values.items()
        ]
        return Answers(questions, scores)

    removal = list(ask(asked[:2], "removal"))
    return {
        wording: Results(
            answers(asked[:2], 1.0), {"color": answers(conflicting[:1], success), "removal": answers(removal, success)}
        )
        for wording, success in (("short", 1.0), ("long", 0.0))
    }


def test_the_report_is_one_file_that_loads_nothing(measured):
    text = report(measured, {"seeds": "<all>", "methods": "seal structure"})
    links = Links()
    links.feed(text)
    assert len(links.found) == 3 and all(link.startswith("data:image/png;base64,") for link in links.found)
    assert "url(" not in text and "@import" not in text and "<script" not in text and "&lt;all&gt;" in text
    sheet = Image.open(io.BytesIO(base64.b64decode(links.found[0].partition(",")[2])))
    assert sheet.width == 5 * 132 - 4
    mean = measured["short"].summary()["methods"]["seal"]["subject_error"]["mean"]
    assert f"{mean:.1f} ±" in text and "scene leakage" in text and "colour change" in text
    assert "joint distance ↓" in text
    for svg in re.findall(r"<svg.*?</svg>", text, re.S):
        ET.fromstring(svg)


def test_the_report_shows_every_wording_and_kind_beside_structure_alone(measured):
    head, lines = successes({wording: results.summary() for wording, results in measured.items()})
    assert head == ("wording", "method", "another scene", "another colour", "no pattern")
    none, all_ = "0 % (0 to 0)", "100 % (100 to 100)"
    assert lines == [
        ("short", "structure", none, none, none),
        ("", "seal", all_, all_, all_),
        ("long", "structure", none, none, none),
        ("", "seal", all_, none, none),
    ]
    text = report(measured, {})
    assert text.count(f"<td>{all_}</td>") == 4 and text.count('class="group"') == 4
    assert "Asked for: no pattern" in text and "Prompts that ask for another colour (color)" in text


def test_a_summary_has_every_kind_and_the_first_one_as_before(measured):
    summary = measured["short"].summary()
    assert list(summary["conflict_kinds"]) == ["color", "removal"]
    assert summary["conflicts"] == summary["conflict_kinds"]["color"] != summary["conflict_kinds"]["removal"]
