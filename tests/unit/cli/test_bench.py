"""``seal bench``: the benchmark from the command line, on a tiny pipeline."""

from __future__ import annotations

import json
import runpy
import sys

import pytest
from click.testing import CliRunner
from PIL import Image

from seal_sdk import IdentitySession
from seal_sdk.cli.commands.bench import paper_claims
from seal_sdk.cli.main import seal
from seal_sdk.evaluation import METHODS
from seal_sdk.evaluation.claims.ablations import ABLATIONS
from seal_sdk.evaluation.claims.sentences import SENTENCES


@pytest.fixture
def small(monkeypatch, tiny_pipeline):
    """The command on a tiny pipeline."""
    monkeypatch.setattr(
        "seal_sdk.evaluation.session.IdentitySession",
        lambda model, **given: IdentitySession(tiny_pipeline(), **given),
    )


def invoke(*arguments):
    return CliRunner().invoke(seal, ["bench", *arguments])


def test_bench_quality_prints_one_json_document_and_goes_on(small, tmp_path):
    scores, page, sheet = tmp_path / "s.jsonl", tmp_path / "r.html", tmp_path / "s.png"
    arguments = [
        "quality",
        "--seeds",
        "400000:400002",
        "--kinds",
        "mesh",
        "--methods",
        "structure,ctrlx",
        "--steps",
        "1",
    ]
    arguments += ["--boxes", "true", "--scores", str(scores), "--json"]
    first = invoke(*arguments)
    assert first.exit_code == 0, first.output
    summary = json.loads(first.stdout)
    assert set(summary["methods"]) == {"structure", "ctrlx"} and summary["seeds"] == 2 and first.stderr == ""
    assert len(summary["methods"]["ctrlx"]["subject_error"]["ci95"]) == 2
    assert all(0 < values["keypoint_distance"]["mean"] < 181 for values in summary["methods"].values())
    assert "leakage" in summary["differences"]["ctrlx"]
    assert {"scene_error", "keypoint_distance"} <= set(summary["ratios"]["ctrlx"])
    second = invoke(*arguments, "--report", str(page), "--sheet", str(sheet))
    assert second.stdout == first.stdout and len(scores.read_text().splitlines()) == 4
    assert page.read_text().startswith("<!doctype html>") and Image.open(sheet).width == 5 * 132 - 4


def test_bench_quality_asks_for_several_conflicts_in_several_wordings(small, tmp_path):
    scores, page = tmp_path / "s.jsonl", tmp_path / "r.html"
    arguments = ["quality", "--seeds", "400000", "--kinds", "mesh", "--methods", "structure", "--steps", "1"]
    arguments += ["--boxes", "true", "--scores", str(scores), "--conflict", "two", "--conflict", "removal"]
    arguments += ["--wording", "paraphrased", "--wording", "short"]
    done = invoke(*arguments, "--json")
    assert done.exit_code == 0, done.output
    summary = json.loads(done.stdout)
    assert list(summary["wordings"]) == ["paraphrased", "short"]
    for each in (summary, *summary["wordings"].values()):
        assert list(each["conflict_kinds"]) == ["two", "removal"]
        assert each["conflicts"] == each["conflict_kinds"]["two"]
    assert "both_success" in summary["conflicts"]["methods"]["structure"]
    kept = {row["question"] for row in map(json.loads, scores.read_text().splitlines())}
    assert kept == {name + end for name in ("plain", "two", "removal") for end in ("", "-paraphrased")}
    again = invoke(*arguments, "--report", str(page))
    lines = again.stdout.splitlines()
    assert len(scores.read_text().splitlines()) == 6 and "no pattern" in page.read_text()
    assert lines[-3].split()[:2] == ["wording", "method"] and lines[-2].split()[:2] == ["paraphrased", "structure"]
    assert "another scene" in lines[-8] and "another scene" not in lines[-3]


def test_bench_quality_asks_for_colours_where_no_kind_is_named(small):
    arguments = ["quality", "--seeds", "400000", "--kinds", "mesh", "--methods", "structure", "--steps", "1"]
    done = invoke(*arguments, "--boxes", "true", "--conflicts", "--json")
    summary = json.loads(done.stdout)
    assert (
        list(summary["conflict_kinds"]) == ["color"] and "color_success" in summary["conflicts"]["methods"]["structure"]
    )


def test_bench_ablations_prints_the_claims(small, tmp_path):
    page = tmp_path / "a.html"
    arguments = [
        "--seeds",
        "400000",
        "--kinds",
        "mesh",
        "--steps",
        "1",
        "--boxes",
        "true",
        "--only",
        "schedule,delta_bridge",
    ]
    result = invoke("ablations", *arguments, "--report", str(page))
    assert result.exit_code == 0, result.output
    assert "Careful early steps secure the outline." in result.stdout and "undecided" in result.stdout
    assert page.read_text().count("<svg") == 6 + 4


def test_bench_paper_claims_replays_sentences_and_goes_on(small, tmp_path):
    scores, page = tmp_path / "s.jsonl", tmp_path / "c.html"
    arguments = ["paper-claims", "--seeds", "400000:400002", "--steps", "1", "--boxes", "true", "--scores", str(scores)]
    arguments += ["--base", "seal", "--base", "seal:preset=paper", "--only", "schedule"]
    first = invoke(*arguments, "--json")
    assert first.exit_code == 0, first.output
    summary = json.loads(first.stdout)
    assert list(summary["sentences"]) == ["schedule"] and summary["seeds"] == 2 and summary["speed"] is None
    bases = summary["sentences"]["schedule"]["bases"]
    assert list(bases) == ["seal", "seal:preset=paper"]
    claims = [each["ablations"]["schedule"]["claims"] for each in bases.values()]
    assert [claim["metric"] for claim in claims[0]] == ["structure_iou", "keypoint_distance"]
    assert len(scores.read_text().splitlines()) == 2 * 2 * 2 and "8 pictures" in first.stderr
    again = invoke(*arguments, "--report", str(page))
    assert len(scores.read_text().splitlines()) == 8 and page.read_text().count("<svg") == 2 * 6
    assert again.stdout.splitlines()[-2].split() == ["claim", "seal", "seal:preset=paper"]
    assert again.stdout.startswith("1. A conservative early and aggressive late schedule")


def test_bench_paper_claims_names_mistakes_before_it_loads_a_model(monkeypatch):
    monkeypatch.setattr("seal_sdk.evaluation.session.IdentitySession", None)  # opening one would be another error
    for arguments, message in (
        (["--only", "taus"], "no claim 'taus'"),
        (["--base", "seal", "--base", "magic"], "no method 'magic'"),
        (["--base", "seal:thau=1"], "no setting 'thau'"),
        (["--only", "cost", "--guidance", "1"], "guidance=1.0"),
        (["--kinds", "photo"], "no structure kind"),
        (["--report", "/none/such/r.html"], "does not exist"),
    ):
        result = invoke("paper-claims", *arguments)
        assert result.exit_code == 2 and message in result.output, result.output
    assert tuple(SENTENCES) == paper_claims.NAMES


def test_bench_quality_draws_at_another_size(small, tmp_path):
    book, sheet = tmp_path / "book.jsonl", tmp_path / "sheet.png"
    given = [
        "quality",
        "--seeds",
        "400000",
        "--kinds",
        "mesh",
        "--methods",
        "structure,exact",
        "--steps",
        "1",
        "--json",
    ]
    given += [
        "--boxes",
        "true",
        "--scores",
        str(book),
        "--sheet",
        str(sheet),
        "--report",
        str(tmp_path / "report.html"),
    ]
    done = invoke(*given, "--size", "64")
    assert done.exit_code == 0, done.output
    exact = json.loads(done.stdout)["methods"]["exact"]
    assert exact["subject_error"]["mean"] < 10 and exact["keypoint_distance"]["mean"] < 10
    drawn = {Image.open(each).size for each in (tmp_path / "book.jsonl.pictures").iterdir()}
    assert drawn == {(64, 64)} and Image.open(sheet).width == 5 * 68 - 4
    assert '<td class="name">size</td><td class="text">64</td>' in (tmp_path / "report.html").read_text()
    other = invoke(*given)
    assert other.exit_code != 0 and "drawn with another model, sampling" in other.output
    wrong = invoke(*given, "--size", "66")
    assert wrong.exit_code != 0 and "the nearest is" in wrong.output


def test_the_command_names_mistakes_before_it_loads_a_model(tmp_path):
    for arguments, message in (
        (["--seeds", "5:5"], "no range of seeds"),
        (["--methods", "magic"], "no method 'magic'"),
        (["--kinds", "photo"], "no structure kind"),
        (["--kinds", ""], "no structure kind"),
        (["--report", str(tmp_path / "none" / "r.html")], "does not exist"),
    ):
        result = invoke("quality", *arguments)
        assert result.exit_code == 2 and message in result.output, result.output
    assert "choose from anchor_align" in invoke("ablations", "--only", "magic").output


def test_help_names_all_methods_and_ablations():
    text = " ".join(invoke("quality", "--help").output.split()).replace("- ", "-")
    assert all(name in text for name in METHODS)
    text = " ".join(invoke("ablations", "--help").output.split())
    assert all(name in text for name in ABLATIONS)


def test_the_evaluation_package_runs_bench_quality(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["seal_sdk.evaluation", "--seeds", "5:5"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("seal_sdk.evaluation", run_name="__main__")
    error = capsys.readouterr().err
    assert ended.value.code == 2 and "seal bench quality" in error and "no range of seeds" in error
