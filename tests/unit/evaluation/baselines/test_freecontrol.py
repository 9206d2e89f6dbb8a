"""FreeControl: its energies are the paper's, its bases those of the drawn pictures, and it leaves the model as it was."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler
from fixtures.tiny_question import ask, nobody, random

from seal_sdk.config import Structure
from seal_sdk.evaluation.baselines import BASELINES, Baseline, draw, freecontrol
from seal_sdk.evaluation.baselines.class_words import class_prompt
from seal_sdk.evaluation.baselines.freecontrol import (
    FreeControl,
    Guided,
    Settings,
    appearance_energy,
    guiding_layers,
    on_tokens,
    soft_mask,
    structure_energy,
)
from seal_sdk.evaluation.baselines.semantic_bases import Analysis, Basis, Moments, semantic_bases

FEW = Settings(structure=20.0, appearance=20.0, pictures=2, components=8, warm_up=0.0)
OWN = Structure(control="none")


@pytest.fixture(scope="module")
def question(session, triple):
    return replace(ask(session, triple, 64), control=OWN)


@pytest.fixture(scope="module")
def drawer(session):
    return FreeControl(session, FEW)


def test_coefficients_are_the_projections_onto_a_known_basis_from_0_to_1():
    basis = Basis(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.0, 0.0]]))
    keys = torch.tensor([[1.0, 2.0, 9.0], [2.0, 6.0, -5.0], [5.0, 3.0, 0.0]])
    expected = torch.tensor([[0, 0], [1, 0.25], [0.25, 1]])
    assert torch.allclose(basis.coefficients(keys), expected, atol=1e-5)


def test_the_basis_is_that_of_the_covariance_however_the_keys_come():
    spread = torch.diag(torch.tensor([0.1, 5.0, 1.0, 0.01]))
    keys = random(6, 50, 4) @ spread + 3
    moments = Moments()
    for part in keys.split(4):
        moments.add(part)
    basis = moments.basis(2)
    points = keys.flatten(0, 1)
    _, _, vectors = torch.linalg.svd(points - points.mean(0), full_matrices=False)
    assert torch.allclose(basis.mean, points.mean(0), atol=1e-5)
    assert torch.allclose((basis.components * vectors[:2].T).sum(0).abs(), torch.ones(2), atol=1e-5)
    assert basis.components.abs().argmax(0).tolist() == [1, 2] and (basis.components.amax(0) > 0.9).all()


def test_the_structure_energy_counts_the_subject_and_what_exceeds_the_background():
    structure = torch.tensor([[0.5], [0.9], [0.2], [0.4]])
    own = torch.tensor([[0.7], [0.9], [0.1], [0.6]])
    subject = torch.tensor([True, True, False, False])
    expected = 0.2**2 / 2 + 10 * 0.2**2 / 4  # 0.6 exceeds 0.4, the largest of the background, and 0.1 does not
    assert float(structure_energy(own, structure, subject, 10.0)) == pytest.approx(expected, abs=1e-6)
    assert float(structure_energy(structure, structure, subject, 10.0)) == 0


def test_the_appearance_energy_compares_weighted_means():
    keys, reference = torch.tensor([[1.0, 0.0], [3.0, 4.0], [9.0, 9.0]]), torch.tensor([[2.0, 2.0], [7.0, 7.0]])
    subject = torch.tensor([True, True, False])
    weights = soft_mask(torch.tensor([[0.6], [0.9], [1.0]]), subject, 0.5)
    assert torch.equal(weights, torch.tensor([[0.6], [0.9], [0.0]]))
    mean = torch.tensor([0.6 * 1 + 0.9 * 3, 0.9 * 4]) / 1.5
    expected = (mean - 2).square().mean()
    energy = appearance_energy(keys, reference, weights, torch.tensor([[1.0], [0.0]]))
    assert float(energy) == pytest.approx(float(expected), abs=1e-4)
    shared = appearance_energy(keys[[1, 0, 2]], keys, weights[[1, 0, 2]], weights)
    assert float(shared) == pytest.approx(0, abs=1e-10)  # places do not matter


def test_a_token_is_the_subjects_if_more_than_half_of_it_is_and_one_always():
    mask = torch.zeros(4, 4, dtype=torch.bool)
    mask[:2, :2] = mask[0, 2] = True
    assert on_tokens(mask, 4).tolist() == [True, False, False, False]
    mask = torch.zeros(4, 4, dtype=torch.bool)
    mask[3, 3] = True
    assert on_tokens(mask, 4).tolist() == [False, False, False, True]


def test_a_class_is_named_by_the_first_noun():
    assert class_prompt("a photo of a striped Cat in a room", ("dog", "cat")) == "a photo of a cat"
    assert class_prompt("a lamp", ("cat",)) == "a lamp"


def test_bases_are_of_the_guided_steps_and_lie_in_the_subspace_of_their_layer(session):
    backbone = session.backbone
    layers = guiding_layers(backbone, (64, 64))
    assert {layer.group for layer in layers} == {"up1"}
    assert {layer.group for layer in guiding_layers(backbone, (256, 256))} == {"up0"}  # 16 tokens a side
    asked = Analysis("a photo of a cat", (64, 64), 5, 3.0, pictures=6, components=8, end=0.6)
    first, second = (semantic_bases(backbone, layers, asked) for _ in range(2))
    assert list(first) == [0.0, 0.2, 0.4]
    for done, at_step in first.items():
        assert set(at_step) == {layer.name for layer in layers}
        for name, basis in at_step.items():
            assert torch.allclose(basis.components.T @ basis.components, torch.eye(8), atol=1e-5)
            assert torch.equal(basis.components, second[done][name].components)
    assert not torch.equal(*(first[done][layers[0].name].mean for done in (0.0, 0.2)))


def test_without_guidance_it_is_the_loop(session, question):
    for asked in (question, replace(question, control=Structure())):
        nothing = FreeControl(session, Settings(structure=0.0, appearance=0.0)).draw(asked)
        zero = FreeControl(session, replace(FEW, structure=1e-30, appearance=0.0)).draw(asked)
        plain = draw(session.backbone, Baseline(), asked, nobody)
        assert np.array_equal(nothing, plain)
        assert np.abs(zero.astype(int) - plain).max() <= 1  # other rows in a forward round differently


@pytest.mark.parametrize(("structure", "appearance"), ((20.0, 0.0), (0.0, 20.0), (20.0, 20.0)))
def test_it_reads_the_structure_image_and_the_reference(session, question, triple, structure, appearance):
    reading = FreeControl(session, replace(FEW, structure=structure, appearance=appearance))
    first = reading.draw(question)
    flipped = replace(
        question, structure=triple.structure.image[:, ::-1], structure_mask=triple.structure.mask[:, ::-1]
    )
    other = session.register(
        255 - triple.reference.image,
        prompt=triple.reference_prompt,
        name="other",
        mask=triple.reference.mask,
        timesteps=1,
    )
    changed = replace(question, identity=other)  # stands where the first one does
    assert np.array_equal(reading.draw(changed), first) == (appearance == 0)
    assert not np.array_equal(reading.draw(flipped), first)  # its subject's mask is read by both
    assert not np.array_equal(draw(session.backbone, Baseline(), question, nobody), first)


def test_the_shared_injection_can_be_added(session, question):
    own, injected = (
        FreeControl(session, FEW).draw(replace(question, control=Structure(control=each)))
        for each in ("none", "inject")
    )
    assert not np.array_equal(own, injected)


def test_a_step_takes_the_gradient_off_as_ddim_adds_it_to_the_noise(session, question, monkeypatch):
    """With an energy whose gradient is 1 everywhere, at the first of three steps, beside diffusers called by hand."""
    pipe = session.pipe
    monkeypatch.setattr(pipe, "scheduler", DDIMScheduler.from_config(pipe.scheduler.config, timestep_spacing="leading"))
    seen = []

    class Ones(Baseline):
        def install(self, hooks, backbone, current):
            hooks.before(backbone.pipe.unet.conv_in, lambda sample: current.kept.update(it={"sample": sample}))

        def guides(self, done):
            return done == 0

        def energy(self, current, subjects):
            return current.kept["it"]["sample"][1].sum()  # row 1 is the image's

        def settle(self, latents, reference, subjects, done):
            seen.append(latents.detach().clone())

    draw(session.backbone, Ones(), question, nobody)
    draw(session.backbone, type("Plain", (Ones,), {"guides": lambda self, done: False})(), question, nobody)
    pipe.scheduler.set_timesteps(3)
    now, then = ((1 - float(pipe.scheduler.alphas_cumprod[each])) ** 0.5 for each in pipe.scheduler.timesteps[:2])
    assert torch.equal(seen[0], seen[4])
    assert torch.allclose(seen[5] - seen[1], torch.full_like(seen[1], now * then), atol=1e-5)


def test_bases_are_found_once_a_class_and_rows_are_few(session, question, monkeypatch):
    asked, rows = [], []
    found = freecontrol.semantic_bases
    monkeypatch.setattr(freecontrol, "semantic_bases", lambda *given: asked.append(given[2]) or found(*given))
    drawer, defaults = FreeControl(session, FEW), session.sampling_defaults
    handle = session.pipe.unet.register_forward_pre_hook(lambda _module, args: rows.append(len(args[0])))
    drawer.draw(question)
    drawer.draw(replace(question, seed=6))
    handle.remove()
    assert [(each.prompt, each.steps, each.size) for each in asked] == [("a photo of a bird", 3, (64, 64))]
    assert rows == [4, 4, *[4, 4, 2] * 2]  # two pictures with guidance in two guided steps; then the picture's own
    monkeypatch.setattr(session, "sampling_defaults", replace(defaults, num_inference_steps=2))
    kept = drawer.prepare(question.identity)
    assert drawer.prepare(question.identity) == kept == BASELINES["ctrlx"](session).prepare(question.identity)
    assert [each.steps for each in asked] == [3, 2]


def test_it_is_seeded_and_leaves_the_pipeline_as_it_was(session, question, drawer, monkeypatch):
    unet = session.pipe.unet
    weights = {name: value.clone() for name, value in unet.state_dict().items()}
    kept = [(each.requires_grad, each.grad) for each in unet.parameters()]
    first, second = (drawer.draw(question) for _ in range(2))
    assert np.array_equal(first, second)
    assert np.array_equal(first, FreeControl(session, FEW).draw(question))
    assert not np.array_equal(first, drawer.draw(replace(question, seed=6)))

    def fails(*_given):
        raise RuntimeError("in the midst")

    monkeypatch.setattr(Guided, "energy", fails)
    with pytest.raises(RuntimeError, match="in the midst"):
        drawer.draw(question)
    assert all(torch.equal(value, weights[name]) for name, value in unet.state_dict().items())
    assert [(each.requires_grad, each.grad) for each in unet.parameters()] == kept
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in unet.modules())
    assert torch.is_grad_enabled()
