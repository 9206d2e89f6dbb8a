"""``seal bench pairs`` on a tiny pipeline."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from seal_sdk.cli.main import seal
from seal_sdk.evaluation.tasks import pairs


def test_the_command_compares_together_with_alone(open_tiny, monkeypatch):
    monkeypatch.setattr(pairs, "IdentitySession", open_tiny)
    result = CliRunner().invoke(seal, ["bench", "pairs", "--seeds", "400000:400002", "--json"])
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    errors = {name: value["mean"] for name, value in summary["subject_error"].items()}
    assert set(errors) == set(pairs.METHODS) and summary["seeds"] == 2
    assert summary["together_over_alone"]["mean"] == pytest.approx(errors["together"] / errors["alone"])
