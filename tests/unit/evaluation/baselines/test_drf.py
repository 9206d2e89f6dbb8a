"""DRF: its feedback is the paper's, and making steps again changes nothing where it should not."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, EulerDiscreteScheduler
from fixtures.tiny_question import ask, nobody, random

from seal_sdk.backbone.conditioning import stack
from seal_sdk.config import Structure
from seal_sdk.evaluation.baselines import BASELINES, Baseline, draw
from seal_sdk.evaluation.baselines.baseline import REFERENCE, Step
from seal_sdk.evaluation.baselines.drf import Drf, generation_weight, taken_back


@pytest.fixture
def scheduled(session, monkeypatch):
    """The session, whose scheduler a test may replace."""
    monkeypatch.setattr(session.pipe, "scheduler", session.pipe.scheduler)
    return session


@pytest.fixture(scope="module")
def question(session, triple):
    return ask(session, triple, 64)


class Watching(Drf):
    """Keeps the latents and the step of each recursion."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.__dict__["seen"] = []

    def renoise(self, latents, step):
        self.seen.append((latents, step))
        return super().renoise(latents, step)


class Back(Baseline):
    """Makes every step again from the very latents that it began with, ``times`` over."""

    def __init__(self, times, factor=1.0):
        self.times, self.factor = times, factor

    def settle(self, latents, reference, subjects, done):
        self.began = latents

    def recurrences(self, done):
        return self.times

    def renoise(self, latents, step):
        return self.began * self.factor


def test_without_recurrences_it_is_ctrlx(session, question):
    ctrlx = BASELINES["ctrlx"](session).draw(question)
    assert np.array_equal(draw(session.backbone, Drf(times=0), question, nobody), ctrlx)
    assert not np.array_equal(draw(session.backbone, Drf(), question, nobody), ctrlx)


def test_both_feedbacks_and_their_rounds_change_the_picture(session, question):
    settings = (Drf(), Drf(rate=0), Drf(rounds=1), Drf(rho=100.0), Drf(times=1))
    drawn = [draw(session.backbone, each, question, nobody) for each in settings]
    assert all(not np.array_equal(a, b) for index, a in enumerate(drawn) for b in drawn[index + 1 :])


def test_the_update_is_the_papers():
    """With a model whose clean latents are sin(z) for the reference and 2 cos(z) for the generation, by hand."""
    latents, reference, noise = (random(1, 4, 5, 3, seed=seed).double() for seed in range(3))
    seen = {REFERENCE: torch.sin, "generation": lambda z: 2 * torch.cos(z)}
    step = Step(0.3, 0.5, reference, lambda: noise, lambda row, z: seen[row](z))
    refined = Drf(rate=0.7, rho=0.4).renoise(latents, step)

    signal, share = math.sqrt(0.3 / 0.5), math.sqrt(1 - 0.3 / 0.5)
    weights = [0.0, math.sqrt((math.exp(2.5) - 1) / (math.exp(5) - 1)), 1.0]
    expected, previous = noise, latents
    for weight in weights:
        z_a, z_g = signal * reference + share * expected, signal * latents + share * expected
        away_a, away_g = z_a.sin() - reference, 2 * z_g.cos() - previous
        gradient = share * z_a.cos() * away_a / away_a.square().sum().sqrt()
        gradient -= 0.4 * weight * share * 2 * z_g.sin() * away_g / away_g.square().sum().sqrt()
        expected, previous = expected - 0.7 * gradient, 2 * z_g.cos()
    assert torch.allclose(refined, signal * latents + share * expected, atol=1e-6)
    assert (refined - signal * latents - share * noise).abs().max() > 1e-2


def test_generation_feedback_comes_late():
    assert [generation_weight(index, 3) for index in range(3)] == pytest.approx([0, 0.275424, 1], abs=1e-6)
    assert generation_weight(0, 1) == 1


def test_it_recurs_twice_in_steps_from_10_to_50_percent():
    assert [Drf().recurrences(index / 50) for index in range(50)] == [0] * 5 + [2] * 20 + [0] * 25


def test_recursions_show_the_unet_nothing_but_the_text(session, question):
    rows = []
    handle = session.pipe.unet.register_forward_pre_hook(lambda _module, args: rows.append(len(args[0])))
    draw(session.backbone, Drf(), question, nobody)
    handle.remove()
    assert rows[:2] == [4, 4] and rows[2:16] == [2] * 14 and rows[16:] in ([3], [4])


@pytest.mark.parametrize("scheduler", (EulerDiscreteScheduler, DPMSolverMultistepScheduler, DDIMScheduler))
def test_a_step_made_again_from_its_beginning_leads_to_the_same(scheduled, question, scheduler):
    pipe = scheduled.pipe
    pipe.scheduler = scheduler.from_config(pipe.scheduler.config)
    asked = replace(question, control=Structure(control="none"), steps=4)
    once, again, other = (
        draw(scheduled.backbone, Back(*each), asked, nobody).astype(int) for each in ((0,), (2,), (2, 1.05))
    )
    assert np.abs(again - once).max() <= 1 < np.abs(other - once).max()


@pytest.mark.parametrize("kind", ("epsilon", "v_prediction"))
def test_estimates_are_the_guided_models_clean_latents(scheduled, question, kind):
    pipe = scheduled.pipe
    pipe.scheduler = EulerDiscreteScheduler.from_config(pipe.scheduler.config, prediction_type=kind)
    watching = Watching()
    draw(scheduled.backbone, watching, question, nobody)
    pipe.scheduler.set_timesteps(3)
    timestep, following = pipe.scheduler.timesteps[1:]
    latents, step = watching.seen[0]
    backbone = scheduled.backbone
    level = backbone.alpha_bar(timestep)
    assert (step.level, step.next_level) == (level, backbone.alpha_bar(following))
    with torch.no_grad():
        uncond, generation = backbone.encode_prompt_pair(question.prompt, None, question.size)
        for row, prompt in (
            ("generation", generation),
            (REFERENCE, backbone.encode_prompt(question.identity.prompt, question.size)),
        ):
            given = stack([uncond, prompt])
            noisy = torch.cat([latents] * 2)
            output = pipe.unet(
                noisy, timestep, encoder_hidden_states=given.embeds, added_cond_kwargs=given.added
            ).sample
            guided = output[:1] + 3.0 * (output[1:] - output[:1])
            signal, noise = level**0.5, (1 - level) ** 0.5
            clean = (latents - noise * guided) / signal if kind == "epsilon" else signal * latents - noise * guided
            assert torch.allclose(step.estimate(row, latents), clean, rtol=1e-3, atol=1e-3)


def test_the_refined_noise_shows_the_reference_better(session, question):
    watching = Watching()
    draw(session.backbone, watching, question, nobody)
    for latents, step in watching.seen:
        noise, ratio = random(*latents.shape, seed=3), step.level / step.next_level
        fixed = replace(step, noise=lambda noise=noise: noise)

        def distance(noise, step=step):
            estimate = step.estimate(REFERENCE, taken_back(step.reference, noise, step))
            return float((estimate - step.reference).norm())

        with torch.no_grad():
            refined = (Drf().renoise(latents, fixed) - latents * ratio**0.5) / (1 - ratio) ** 0.5
            assert distance(refined) < distance(noise)


def test_it_is_seeded_and_leaves_the_pipeline_as_it_was(session, question):
    unet, scheduler = session.pipe.unet, session.pipe.scheduler
    weights = {name: value.clone() for name, value in unet.state_dict().items()}
    kept = [(each.requires_grad, each.grad) for each in unet.parameters()]
    state = (repr(scheduler), scheduler.timesteps.tolist(), scheduler.step_index, unet.training)
    first, second = (draw(session.backbone, Drf(), question, nobody) for _ in range(2))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, draw(session.backbone, Drf(), replace(question, seed=6), nobody))
    assert all(torch.equal(value, weights[name]) for name, value in unet.state_dict().items())
    assert [(each.requires_grad, each.grad) for each in unet.parameters()] == kept
    assert (repr(scheduler), scheduler.timesteps.tolist(), scheduler.step_index, unet.training) == state
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in unet.modules())
