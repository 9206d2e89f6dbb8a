"""``measure_growth``: every curve has its points and powers, and says whether it is straight."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from types import ModuleType

import pytest

from seal_sdk.errors import ConfigError
from seal_sdk.evaluation.cost import growth
from seal_sdk.evaluation.cost.curves import CURVES, Curve
from seal_sdk.evaluation.cost.growth import measure_growth
from seal_sdk.evaluation.cost.rows import counted_rows
from seal_sdk.evaluation.cost.workplace import CostSetup, open_workplace
from seal_sdk.evaluation.reports.growth import growth_report, growth_table


@pytest.fixture(scope="module")
def summary(once):
    """Every curve of the model with two points; the identities and references with their most."""
    return measure_growth(once(1), {name: (1, 3 if curve.most == 3 else 2) for name, curve in CURVES.items()})


def test_every_curve_has_its_points(summary):
    curves = summary["curves"]
    assert list(curves) == list(CURVES)
    assert curves["side"]["values"] == [128, 256] and curves["identities"]["values"] == [1, 3]
    assert {name: set(each["series"]) for name, each in curves.items()} == {
        "side": {"ours", "plain"},
        "steps": {"ours", "plain"},
        "pictures": {"ours"},
        "batch": {"ours", "plain"},
        "identities": {"ours"},
        "references": {"ours"},
        "timesteps": {"ours", "register"},
    }
    for each in curves.values():
        for series in each["series"].values():
            assert len(series["seconds"]) == len(series["each"]) == 2 and min(series["seconds"]) > 0
            assert series["power"] is not None


def test_the_cost_of_each_picture_falls_by_the_registrations_share(summary):
    one, two = summary["curves"]["pictures"]["series"]["ours"]["seconds"]
    assert two < one and summary["curves"]["pictures"]["computed"] and not summary["curves"]["batch"]["computed"]
    assert summary["curves"]["pictures"]["series"]["ours"]["holds"]


def test_along_the_side_plain_sdxl_is_the_limit(summary):
    series = summary["curves"]["side"]["series"]
    assert series["ours"]["limit"] == series["plain"]["power"] and series["plain"]["limit"] is None


def test_the_report_has_a_plot_of_each_cost(summary):
    count = sum(len(each["series"]) for each in summary["curves"].values())
    assert growth_report(summary).count("<svg") == count == len(growth_table(summary)[1])


@pytest.mark.parametrize(("power", "holds"), [(0, True), (1, True), (2, False)])
def test_powers_are_found_and_judged(once, monkeypatch, power, holds):
    curve = Curve("things", (), lambda measuring, point: {"ours": 3.0 * point**power}, lambda measuring, point: None)
    monkeypatch.setitem(growth.CURVES, "things", curve)
    found = measure_growth(once(1, repeats=2), {"things": (1, 2, 5)})
    series = found["curves"]["things"]["series"]["ours"]
    assert series["power"] == pytest.approx(power, abs=1e-6) and series["holds"] is holds
    assert series["seconds"] == [3.0, 3.0 * 2**power, 3.0 * 5**power] and series["each"][1] == [3.0 * 2**power] * 2


def test_what_a_point_draws_is_what_it_is_named_for(once):
    """Rows tell: two pictures have twice as many as one, and so have two steps, and two timesteps take two rows to register."""
    with open_workplace(once(1)) as place, growth.Measuring(place) as measuring:
        one = sum(place.step_rows)

        def rows(name: str, point: int) -> int:
            CURVES[name].prepare(measuring, point)
            with counted_rows(place.pipe.unet) as found:
                CURVES[name].measure(measuring, point)
            return sum(found)

        edits = rows("steps", 1) - one - 2
        assert rows("steps", 2) == edits + 4 + 3 + 2 * 2
        assert rows("batch", 2) == edits + 2 * one + 2 * 2
        assert rows("timesteps", 2) == edits + one + 2


@dataclass(frozen=True)
class Cost:
    """A row of the store's measurement."""

    identities: int
    put: float
    remove: float


def test_the_library_is_measured_without_a_model(monkeypatch):
    module = ModuleType("library")
    module.__spec__ = growth.find_spec("json")
    module.measure_library = lambda counts, folder: [Cost(n, put=0.5, remove=0.1 * n**2) for n in counts]
    monkeypatch.setitem(sys.modules, "seal_sdk.evaluation.cost.library", module)
    found = measure_growth(CostSetup("no such model"), {"library": (200, 100)})
    library = found["curves"]["library"]
    assert library["values"] == [100, 200] and set(library["series"]) == {"put", "remove"}
    assert library["series"]["put"]["holds"] and not library["series"]["remove"]["holds"]
    assert library["series"]["remove"]["power"] == pytest.approx(2)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"pigs": (1,)}, "no curve 'pigs'"),
        ({"batch": (0,)}, "batch=0"),
        ({"identities": (4,)}, "identities=4: expected whole numbers from 1 to 3"),
        ({"steps": ()}, "steps=None"),
    ],
)
def test_mistakes_are_told_before_anything_is_loaded(values, message):
    with pytest.raises(ConfigError, match=message):
        measure_growth(CostSetup("no such model"), values)
