"""Settings over the sampling progress."""

from __future__ import annotations

import pytest

from seal_sdk import Appearance
from seal_sdk.errors import ConfigError
from seal_sdk.method.schedules import active, delta_at, detail_at, lambda_at, tau_at


def test_schedules_are_careful_early_and_reach_the_setting():
    gammas = [0.0, 0.25, 0.5, 0.75, 1.0]
    taus = [tau_at(g, 0.15, "dynamic") for g in gammas]
    deltas = [delta_at(g, 3.0, "dynamic") for g in gammas]
    assert taus == sorted(taus, reverse=True) and taus[-1] == 0.15 and taus[0] > 0.15
    assert deltas == sorted(deltas) and deltas[-1] == 3.0 and 0 < deltas[0] < 3.0
    assert {tau_at(g, 0.15, "constant") for g in gammas} == {0.15}
    lambdas = [lambda_at(g, 2.0, 0.6) for g in (0.0, 0.3, 0.45, 0.6, 1.0)]
    assert lambdas == pytest.approx([2.0, 2.0, 1.0, 0.0, 0.0])
    assert not active(0.0, 0.0) and active(0.59, 0.6) and not active(0.6, 0.6) and active(1.0, 1.0)


def test_latents_are_transferred_once_the_layout_stands():
    assert [detail_at(gamma, 0.7) for gamma in (0.0, 0.09, 0.1, 0.9, 0.95, 1.0)] == [0, 0, 0.7, 0.7, 0, 0]
    with pytest.raises(ConfigError, match=r"detail=1\.5"):
        Appearance(detail=1.5)
