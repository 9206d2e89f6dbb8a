"""Schedulers that a benchmark can sample with."""

from __future__ import annotations

import pytest
import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler

from seal_sdk.cli.commands.bench import options
from seal_sdk.evaluation.methods import parse_methods
from seal_sdk.evaluation.schedulers import SCHEDULERS, scheduler_like
from seal_sdk.evaluation.tasks.quality import Setup, measure_quality


def test_the_command_knows_all_of_them():
    assert tuple(SCHEDULERS) == options.SCHEDULERS


@pytest.mark.parametrize("name", SCHEDULERS)
def test_each_keeps_the_models_settings(name):
    own = DDIMScheduler(beta_start=0.001, beta_end=0.02, beta_schedule="scaled_linear", prediction_type="v_prediction")
    found = scheduler_like(own, name)
    assert type(found).__name__ == SCHEDULERS[name][0]
    assert found.config.prediction_type == "v_prediction"
    assert torch.equal(found.alphas_cumprod, own.alphas_cumprod)
    if name == "dpm++2m-karras":
        assert isinstance(found, DPMSolverMultistepScheduler) and found.config.use_karras_sigmas


def test_the_benchmark_samples_with_it(monkeypatch):
    seen = []

    def watched(session, questions, *arguments, **options):
        seen.append(type(session.pipe.scheduler).__name__)
        return []

    monkeypatch.setattr("seal_sdk.evaluation.tasks.quality.run", watched)
    methods = parse_methods("prompt")
    for setup in (Setup(), Setup(scheduler="unipc")):
        measure_quality(range(400_000, 400_001), methods, kinds=("mesh",), setup=setup)
    assert seen == ["DDIMScheduler", "UniPCMultistepScheduler"]
