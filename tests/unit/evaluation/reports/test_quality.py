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
from seal_sdk.evaluation.questions.triples import COLOR


class Links(HTMLParser):
    """Collects what a page would load."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found += [value for name, value in attrs if name in ("src", "href", "srcset", "data", "xlink:href")]


def fake(triple, method, value):
    """A score with the measures of its question."""
    only = {"plain": ("leakage", "scene_success"), COLOR: ("color_change", "color_rest", "color_success")}
    others = {name for names in only.values() for name in names} - set(only[triple.question])
    values = {metric.name: value for metric in MEASURES if metric.name not in others}
    return Score(triple.seed, triple.kind, method, triple.truth.image, values)


@pytest.fixture
def results(asked, conflicting):
    values = {"prompt": 30.0, "structure": 40.0}
    plain, conflicts = (
        [
            fake(each, method, value + number)
            for number, each in enumerate(questions)
            for method, value in values.items()
        ]
        for questions in (asked[:2], conflicting[:1])
    )
    return Results(asked[:2], plain, conflicting[:1], conflicts)


def test_the_report_is_one_file_that_loads_nothing(results):
    text = report(results, {"seeds": "<all>", "methods": "prompt structure"})
    links = Links()
    links.feed(text)
    assert len(links.found) == 2 and all(link.startswith("data:image/png;base64,") for link in links.found)
    assert "url(" not in text and "@import" not in text and "<script" not in text and "&lt;all&gt;" in text
    sheet = Image.open(io.BytesIO(base64.b64decode(links.found[0].partition(",")[2])))
    assert sheet.width == 5 * 132 - 4
    mean = results.summary()["methods"]["prompt"]["subject_error"]["mean"]
    assert f"{mean:.1f} ±" in text and "scene leakage" in text and "colour change" in text
    assert "joint distance ↓" in text
    for svg in re.findall(r"<svg.*?</svg>", text, re.S):
        ET.fromstring(svg)
