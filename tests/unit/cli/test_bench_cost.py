"""``seal bench speed`` and ``seal bench growth`` from the command line, on a tiny pipeline."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from seal_sdk.backbone.loading import load_backbone
from seal_sdk.cli.commands.bench import growth, speed
from seal_sdk.cli.main import seal

SMALL = ["--steps", "1", "--repeats", "1", "--device", "cpu"]


@pytest.fixture
def small(monkeypatch, tiny_pipeline):
    """The commands on a tiny pipeline."""
    pipe = tiny_pipeline()
    monkeypatch.setattr("seal_sdk.evaluation.cost.workplace.load_backbone", lambda *given: load_backbone(pipe))


def invoke(*arguments):
    return CliRunner().invoke(seal, ["bench", *arguments])


def test_speed_prints_json_and_writes_a_report(small, tmp_path):
    page = tmp_path / "speed.html"
    done = invoke("speed", *SMALL, "--system", "plain-rows", "--system", "plain", "--json", "--report", str(page))
    assert done.exit_code == 0, done.output
    summary = json.loads(done.stdout)
    assert list(summary["systems"]) == ["plain", "plain-rows"] and summary["setup"]["steps"] == 1
    assert summary["setup"]["model"] == "pocket" and summary["setup"]["size"] == 128
    assert page.read_text().startswith("<!doctype html>") and done.stderr == ""


def test_speed_prints_tables(small):
    done = invoke("speed", *SMALL, "--system", "plain")
    lines = done.stdout.splitlines()
    assert done.exit_code == 0 and lines[0].split()[:2] == ["system", "seconds"] and lines[1].split()[0] == "plain"
    assert "ratio" not in done.stdout.split() and "phase" not in done.stdout
    assert lines[-2].startswith("Rows: 4 to register;") and lines[-1].endswith("plain unknown.")


def test_growth_prints_a_line_for_each_cost(small, tmp_path):
    page = tmp_path / "growth.html"
    done = invoke("growth", *SMALL, "--curve", "steps=1,2", "--report", str(page))
    assert done.exit_code == 0, done.output
    head, ours, plain = done.stdout.splitlines()
    assert head.split()[:3] == ["along", "cost", "seconds"]
    assert ours.split()[:3] == ["steps", "ours", "1:"] and plain.split()[0] == "plain"
    assert page.read_text().count("<svg") == 2


def test_growth_says_which_curves_there_are():
    done = invoke("growth", "--curve", "pigs")
    assert done.exit_code == 2 and "side, steps, pictures" in done.output
    done = invoke("growth", "--curve", "batch=1,x")
    assert done.exit_code == 2 and "expected whole numbers from 1 on" in done.output


def test_the_commands_name_the_systems_and_curves_that_there_are():
    from seal_sdk.evaluation.cost.curves import CURVES
    from seal_sdk.evaluation.cost.systems import SYSTEMS, WHAT

    assert tuple(SYSTEMS) == speed.SYSTEMS and tuple(CURVES) == growth.CURVES and set(WHAT) == set(SYSTEMS)
