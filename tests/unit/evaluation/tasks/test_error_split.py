"""``seal bench split`` on a tiny pipeline, and what its oracle does to the steps."""

from __future__ import annotations

import json

import pytest
import torch
from click.testing import CliRunner

from seal_sdk.cli.main import seal
from seal_sdk.evaluation.metrics.error_split import SOURCES
from seal_sdk.evaluation.oracle import Target, steered


def test_the_command_splits_the_error_of_each_row(open_tiny, monkeypatch, tmp_path):
    monkeypatch.setattr("seal_sdk.evaluation.session.IdentitySession", open_tiny)
    report = tmp_path / "split.html"
    given = ["bench", "split", "--seeds", "400000:400002", "--kinds", "mesh", "--report", str(report), "--json"]
    result = CliRunner().invoke(seal, given)
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert list(summary["methods"]) == ["seal", "oracle", "exact"] and summary["seeds"] == 2
    assert len(summary["pictures"]) == 6
    for each in (*summary["methods"].values(),):
        parts = sum(each["parts"][source]["mean"] for source in SOURCES)
        assert parts == pytest.approx(each["subject_error"]["mean"])
        assert sum(each["shares"][source]["mean"] for source in SOURCES) == pytest.approx(1)
    assert "silhouette" in report.read_text()


def test_an_unknown_kind_is_refused_before_a_model_is_loaded(monkeypatch):
    monkeypatch.setattr("seal_sdk.evaluation.session.IdentitySession", None)
    result = CliRunner().invoke(seal, ["bench", "split", "--kinds", "clay"])
    assert result.exit_code and "'clay' is no structure kind" in result.output


def test_the_oracle_ends_nearer_to_its_target_and_leaves_the_model_as_it_was(session):
    backbone = session.backbone
    shape = (1, 4, 8, 8)
    generator = torch.Generator().manual_seed(0)
    latents, wanted, prediction = (torch.randn(shape, generator=generator) for _ in range(3))
    region = torch.zeros(1, 1, 8, 8)
    region[..., :4] = 1.0

    def sample(detail: float) -> torch.Tensor:
        with steered(backbone, Target(wanted, region, detail)):
            sampler = backbone.sampler(5)
            stepped = latents * sampler.initial_scale
            for timestep in sampler.timesteps:
                stepped = sampler.step(prediction, timestep, stepped)
        return stepped

    plain, near = sample(0.0), sample(0.9)
    off = (plain - wanted).abs(), (near - wanted).abs()
    assert off[1][..., :4].mean() < 0.5 * off[0][..., :4].mean()
    assert torch.equal(plain[..., 4:], near[..., 4:])
    assert type(backbone.sampler(5)).__name__ == "DiffusersSampler"
