"""The stopwatch: parts add up, and what it is put around is as it was."""

from __future__ import annotations

from threading import Thread

import pytest
import torch

from seal_sdk.evaluation.cost import stopwatch
from seal_sdk.evaluation.cost.stopwatch import Stopwatch, Target, replaced, timed


class Clock:
    """time.perf_counter that a test moves on."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(stopwatch, "time", clock)
    return clock


@pytest.fixture
def watch(clock):
    return Stopwatch(torch.device("cpu"))


def test_an_inner_part_stops_the_outer_ones_own_time(clock, watch):
    with watch.part("outer"):
        clock.now += 1
        for _ in range(2):
            with watch.part("inner"):
                clock.now += 3
        clock.now += 4
    assert watch.own == {"outer": 5, "inner": 6}
    assert watch.whole == {"outer": 11, "inner": 6}
    assert watch.calls == {"outer": 1, "inner": 2}


def test_a_part_within_itself_counts_once_in_own_time(clock, watch):
    with watch.part("text"), watch.part("text"):
        clock.now += 2
    assert watch.own["text"] == 2


def test_an_undivided_part_takes_what_is_inside_of_it(clock, watch):
    with watch.part("loop"):
        with watch.part("edits", undivided=True), watch.part("unet"):
            clock.now += 2
        with watch.part("unet"):
            clock.now += 3
    assert watch.own == {"loop": 0, "edits": 2, "unet": 3}


def test_a_part_that_raises_is_timed(clock, watch):
    with pytest.raises(KeyError), watch.part("broken"):
        clock.now += 2
        raise KeyError
    assert watch.own["broken"] == 2


def test_other_threads_do_not_count(clock, watch):
    def elsewhere():
        with watch.part("read ahead"):
            clock.now += 1

    thread = Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert not watch.own


class Model:
    """Something to time."""

    def predict(self, value: int) -> int:
        return value + 1


def test_targets_are_timed_and_put_back(clock, watch):
    model, function = Model(), Model.predict
    with timed(watch, [Target("unet", model, "predict"), Target("class", Model, "predict")]):
        assert model.predict(1) == 2 and Model().predict(2) == 3
    assert watch.calls == {"unet": 1, "class": 1}
    assert vars(model) == {} and Model.predict is function


def test_what_was_replaced_is_back_after_an_error():
    function = Model.predict
    with pytest.raises(RuntimeError), replaced(Model, "predict", lambda before: None):
        assert Model.predict is None
        raise RuntimeError
    assert Model.predict is function
