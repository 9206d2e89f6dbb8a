"""``seal bench systems`` from the command line, on tiny pipelines."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from seal_sdk import IdentitySession
from seal_sdk.cli.main import seal

FEW = ["--seeds", "400000", "--kinds", "mesh", "--methods", "structure,seal", "--steps", "1", "--boxes", "true"]


@pytest.fixture
def small(monkeypatch, tiny_pipeline):
    """The command on a tiny pipeline, which its sessions share."""

    def open_session(model, **given):
        return IdentitySession(tiny_pipeline() if isinstance(model, str) else model, **given)

    monkeypatch.setattr("seal_sdk.evaluation.session.IdentitySession", open_session)


def invoke(*arguments):
    return CliRunner().invoke(seal, ["bench", "systems", *arguments])


def test_json_has_costs_beside_quality_and_a_report_is_written(small, tmp_path):
    page, scores = tmp_path / "r.html", tmp_path / "s.jsonl"
    done = invoke(*FEW, "--json", "--report", str(page), "--scores", str(scores))
    assert done.exit_code == 0, done.output
    summary = json.loads(done.stdout)
    assert list(summary["methods"]) == list(summary["costs"]["systems"]) == ["structure", "seal"]
    assert summary["seeds"] == 1 and "color_success" in summary["conflicts"]["methods"]["seal"] and done.stderr == ""
    assert len(scores.read_text().splitlines()) == 4 and page.read_text().startswith("<!doctype html>")
    quality = ["quality", "--conflicts", *FEW, "--json", "--scores", str(scores)]
    same = json.loads(CliRunner().invoke(seal, ["bench", *quality]).stdout)
    assert same == {name: value for name, value in summary.items() if name != "costs"}


def test_tables_are_printed(small):
    done = invoke(*FEW)
    assert done.exit_code == 0, done.output
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[0][:3] == ["1", "seeds", "subject"]
    costs = next(index for index, words in enumerate(lines) if words[:3] == ["system", "once,", "s"])
    assert lines[costs + 1][:3] == ["structure", "0", "0"] and lines[costs + 2][0] == "seal"
    assert ["no", "slower", "than", "seal"] in lines and lines[-1][:3] == ["seal:", "never", "as"]


def test_mistakes_are_named_before_a_model_is_loaded(monkeypatch, tmp_path):
    monkeypatch.setattr("seal_sdk.evaluation.session.IdentitySession", None)
    for arguments, message in (
        (["--methods", "magic"], "no method 'magic'"),
        (["--methods", ""], "No methods given"),
        (["--methods", "exact"], "'exact' is the ground truth"),
        (["--methods", "seal", "--kinds", "photo"], "no structure kind"),
        (["--cost-subjects", "0"], "x>=1"),
        (["--report", str(tmp_path / "none" / "r.html")], "does not exist"),
        (["--seeds", "5:5"], "no range of seeds"),
    ):
        done = invoke(*arguments)
        assert done.exit_code == 2 and message in done.output, done.output
