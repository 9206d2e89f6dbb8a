"""What a painter prepares of a subject."""

from __future__ import annotations

import pytest

from seal_sdk.evaluation.methods import METHODS, parse_method
from seal_sdk.evaluation.painter import Painter
from seal_sdk.evaluation.tasks.scoring import drawing_of


@pytest.fixture
def painter(session):
    return Painter(session, {"num_inference_steps": 1})


def test_each_subject_is_prepared_anew(painter, asked):
    seal = METHODS["seal"]
    first, second = (drawing_of(triple, True) for triple in asked[:2])
    before = painter.register(first, seal)
    assert painter.prepare(second, seal) > 0
    after = painter.register(second, seal)
    assert after.name == f"seed-{asked[1].seed}" and after.digest != before.digest
    assert painter.register(second, seal) is after


def test_what_is_kept_is_all_of_the_identity_and_nothing_of_a_reference_that_is_not_seen(painter, session, asked):
    drawing = drawing_of(asked[0], True)
    kept = painter.prepare(drawing, METHODS["seal"])
    stored = painter.register(drawing, METHODS["seal"]).stored
    assert kept == stored.nbytes + sum(
        len(stored.attachment(name)) for name in ("reference.png", "mask.png", "latents.npy")
    )
    assert painter.prepare(drawing, METHODS["structure"]) == painter.prepare(drawing, METHODS["prompt"]) == 0
    png = len(stored.attachment("reference.png"))
    assert painter.prepare(drawing, METHODS["ctrlx"]) == pytest.approx(png, rel=0.1)


def test_methods_know_whether_they_see_the_reference():
    blind = {name for name, method in METHODS.items() if not method.sees_reference}
    assert blind == {"prompt", "structure", "exact", "controlnet"}
    assert parse_method("seal:delta=0").sees_reference  # Delta-Bridge is left
    assert not parse_method("seal:delta=0,bridge.strength=0").sees_reference
