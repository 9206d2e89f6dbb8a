"""``seal bench pairs`` on a tiny pipeline."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from seal_sdk.cli.main import seal
from seal_sdk.evaluation.tasks import pairs


def test_the_command_compares_together_with_alone(open_tiny, monkeypatch):
    monkeypatch.setattr("seal_sdk.evaluation.session.IdentitySession", open_tiny)
    result = CliRunner().invoke(seal, ["bench", "pairs", "--seeds", "400000:400002", "--json"])
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    errors = {name: value["mean"] for name, value in summary["subject_error"].items()}
    assert set(errors) == set(pairs.METHODS) and summary["seeds"] == 2
    assert summary["together_over_alone"]["mean"] == pytest.approx(errors["together"] / errors["alone"])


def test_the_command_measures_colours_where_each_has_another(open_tiny, monkeypatch):
    prompts = []

    def open_and_watch(model, **given):
        session = open_tiny(model, **given)
        generate = session.generate
        session.generate = lambda structure, prompt, **rest: (
            prompts.append((prompt, rest["identity"])),
            generate(structure, prompt, **rest),
        )[1]
        return session

    monkeypatch.setattr("seal_sdk.evaluation.session.IdentitySession", open_and_watch)
    result = CliRunner().invoke(seal, ["bench", "pairs", "--seeds", "400000", "--conflicts", "--json"])
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert all(set(summary[name]) == set(pairs.METHODS) for name in (pairs.ERROR, *pairs.COLORS))
    (pair,) = pairs.pairs([400_000], question="color")
    assert [prompt for prompt, _ in prompts] == [pair.prompt, *pair.alone_prompts, pair.prompt]
    assert list(prompts[-1][1]) == list(pairs.NAMES)
    text = CliRunner().invoke(seal, ["bench", "pairs", "--seeds", "400000", "--conflicts"]).output
    assert "color success" in text and len(text.splitlines()) == 5
