"""What counts as a system's cost, by systems whose UNet does nothing but count."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from seal_sdk.evaluation.cost.subject_costs import System, measure_costs
from seal_sdk.evaluation.methods import METHODS

REGISTER, LEARN, LOAD = 5, 30, 1000


class CountingPainter:
    """Draws with so many rows; a subject is registered, and learned by baselines, once. The first picture loads something."""

    def __init__(self, log, rows):
        self.log, self.rows, self.known, self.loaded = log, rows, set(), False
        self.unet = torch.nn.Identity()

    def run(self, rows):
        self.unet(torch.zeros(rows))

    def register(self, drawing, method):
        if drawing not in self.known:
            self.known.add(drawing)
            self.run(REGISTER)
        return SimpleNamespace(image=None, mask=None)

    def prepare(self, drawing, method):
        self.register(drawing, method)
        if method.baseline:
            self.run(LEARN)
        return len(drawing) if method.sees_reference else 0

    def draw(self, drawing, method):
        self.log.append((drawing, method.name))
        if not self.loaded:
            self.run(LOAD)
        self.loaded = True
        self.run(self.rows[drawing])


@pytest.fixture(scope="module")
def measured():
    log = []

    def system(name):
        painter = CountingPainter(log, {"warm": 7, "a": 10, "bbb": 30, "cc": 20})
        backbone = SimpleNamespace(pipe=SimpleNamespace(unet=painter.unet), device=torch.device("cpu"))
        return System(METHODS[name], SimpleNamespace(backbone=backbone), painter)

    names = ("structure", "controlnet", "ctrlx", "seal")
    return measure_costs([system(name) for name in names], "warm", ["a", "bbb", "cc"]), log


def test_registering_is_the_cost_of_the_method_alone(measured):
    costs, _ = measured
    once = {name: each["once"]["rows"] for name, each in costs.items()}
    assert once == {"structure": 0, "controlnet": 0, "ctrlx": LEARN, "seal": REGISTER}
    assert costs["structure"]["once"]["seconds"] == costs["controlnet"]["once"]["seconds"] == 0
    assert 0 < costs["seal"]["once"]["seconds"] < 60


def test_figures_are_medians_and_loading_is_not_in_them(measured):
    costs, _ = measured
    assert [each["picture"]["rows"] for each in costs.values()] == [20] * 4
    assert [each["kept_bytes"] for each in costs.values()] == [0, 0, 2, 2]


def test_systems_take_turns_within_each_subject(measured):
    costs, log = measured
    assert log == [(drawing, name) for drawing in ("warm", "a", "bbb", "cc") for name in costs]
