"""``measure_speed`` on a tiny model: rows are exactly right, ratios are quotients of what is printed, phases add up."""

from __future__ import annotations

from statistics import median

import pytest

from seal_sdk.errors import ConfigError
from seal_sdk.evaluation.cost.phases import LOOP
from seal_sdk.evaluation.cost.profile import TOTAL
from seal_sdk.evaluation.cost.speed import RATIOS, measure_speed
from seal_sdk.evaluation.cost.systems import SYSTEMS
from seal_sdk.evaluation.cost.workplace import FULL_SIZE, CostSetup, open_workplace
from seal_sdk.evaluation.reports.speed import MEANING, phase_table, ratio_table, remarks, speed_report, system_table

STEPS = 2


@pytest.fixture(scope="module")
def summary(once):
    """All systems, once."""
    return measure_speed(once(STEPS))


def test_every_system_was_run_as_often_as_asked(summary):
    assert list(summary["systems"]) == list(SYSTEMS)
    for each in summary["systems"].values():
        assert len(each["seconds"]) == 1 and each["seconds"] == [each["median"]] and each["median"] > 0


def test_parts_are_told_of_each_repeat_and_weights_of_each_system(summary):
    systems = summary["systems"]
    for each in systems.values():
        assert {part: median(seconds) for part, seconds in each["parts_each"].items()} == each["parts"]
    shared = {each["weight_bytes"] for name, each in systems.items() if name != "controlnet+ip-adapter"}
    assert len(shared) == 1 and systems["controlnet+ip-adapter"]["weight_bytes"] > shared.pop() > 0


def test_each_system_computes_its_rows(summary):
    rows = {name: each["rows"] for name, each in summary["systems"].items()}
    assert summary["rows"]["register"] == [1, 1, 1, 1]  # four timesteps
    assert summary["rows"]["steps"] == [4, 3]  # no appearance row where Delta-Bridge has ended
    edits = sum(summary["rows"]["before_steps"])
    assert rows["plain"] == 2 * STEPS
    assert rows["plain-rows"] == 4 + 3 and rows["plain-capture"] == 4
    assert rows["cold"] == 4 + edits + 7
    assert rows["hot"] in (7, edits + 7)  # what was read before may be remembered
    assert (
        rows["stateless"] == STEPS + 4 + 2
    )  # each step's timestep is captured; the last step has neither bridge nor structure
    assert rows["ctrlx"] == rows["drf"] == 4 * STEPS  # so few steps have none that DRF repeats
    assert rows["controlnet+ip-adapter"] == 2 * STEPS


def test_ratios_are_quotients_of_what_is_printed(summary):
    systems, ratios = summary["systems"], summary["ratios"]
    seconds = {name: each["median"] for name, each in systems.items()}
    cold, hot = systems["cold"]["parts"], systems["hot"]["parts"]
    twenty = cold["register"] + 20 * seconds["hot"]
    expected = {
        "step_over_plain": hot[LOOP] / seconds["plain-rows"],
        "generate_over_plain": seconds["hot"] / seconds["plain"],
        "amortised_20_over_stateless": twenty / (20 * seconds["stateless"]),
        "amortised_20_over_ctrlx": twenty / (20 * seconds["ctrlx"]),
        "amortised_20_over_controlnet_ip_adapter": twenty / (20 * seconds["controlnet+ip-adapter"]),
        "register_over_forwards": (cold["register"] - cold["sam"]) / seconds["plain-capture"],
        "disk_over_memory": seconds["warm"] / seconds["hot"],
    }
    assert ratios == pytest.approx(expected)
    assert {name: median(each) for name, each in summary["ratios_each"].items()} == ratios


def test_parts_are_no_longer_than_the_whole(summary):
    cold = summary["systems"]["cold"]
    assert cold["parts"]["sam"] < cold["parts"]["register"]
    assert cold["parts"][LOOP] < cold["parts"]["generate"]
    assert cold["parts"]["register"] + cold["parts"]["generate"] <= cold["median"]
    stateless = summary["systems"]["stateless"]
    assert (
        stateless["median"] > stateless["parts"]["generate"]
    )  # the store's time is left out, and the capture within it is not


def test_phases_add_up_to_the_total(summary):
    for phases in summary["phases"].values():
        parts = [seconds for name, seconds in phases.items() if name != TOTAL]
        assert sum(parts) == pytest.approx(phases[TOTAL]) and all(seconds >= 0 for seconds in parts)
    assert {"sam", "vae encode", "text", "capture", "store write"} <= set(summary["phases"]["register"])
    steps = {"unet", "match and blend", "latent transfer", "guidance", "scheduler", "store read", LOOP}
    for call in ("warm", "hot"):
        assert steps | {"vae encode", "align", "decode"} <= set(summary["phases"][call])
    assert {"sam", "text"} <= set(summary["phases"]["warm"])
    assert not {"sam", "text"} & set(summary["phases"]["hot"])  # both are remembered
    assert summary["phases"]["hot"]["unet"] > summary["phases"]["hot"]["guidance"]


def test_a_warm_picture_reads_each_timestep_that_it_needs_from_the_disk(summary):
    store = summary["store"]
    assert store["reads"] == {"disk": 2}  # two steps, whose nearest cached timesteps differ
    assert store["bytes"] == store["identity_bytes"] * 2 // 4


def test_waits_of_a_step_are_counted(summary):
    assert summary["host_syncs"]["plain"] > 0 and summary["host_syncs"]["hot"] > 0


def test_the_report_shows_everything(summary):
    page = speed_report(summary)
    assert page.count("<svg") == 3 and "controlnet+ip-adapter" in page and "generate_over_plain" in page
    assert set(MEANING) == set(RATIOS)


def test_the_tables_have_a_line_for_everything(summary):
    head, phases = phase_table(summary)
    assert head == ("phase, seconds", "register", "warm", "hot") and phases[-1][0] == TOTAL
    capture = next(line for line in phases if line[0] == "capture")
    assert float(capture[1]) > 0 and capture[2:] == ("", "")  # nothing is captured to generate
    assert [line[0] for line in system_table(summary)[1]] == list(SYSTEMS)
    assert [line[0] for line in ratio_table(summary)[1]] == list(RATIOS)
    rows, read, waits = remarks(summary)
    assert (
        rows.startswith("Rows: 4 to register;") and "1 x 4, 1 x 3" in rows and "2 from disk" in read and "hot" in waits
    )


def test_ratios_are_of_one_repeat_and_of_systems_that_ran(once):
    found = measure_speed(once(1, repeats=2), ("hot", "plain"))
    assert list(found["systems"]) == ["plain", "hot"] and list(found["ratios"]) == ["generate_over_plain"]
    plain, hot = (found["systems"][name]["seconds"] for name in ("plain", "hot"))
    assert found["ratios_each"]["generate_over_plain"] == pytest.approx([hot[0] / plain[0], hot[1] / plain[1]])
    assert found["host_syncs"] == {"plain": None, "hot": None}  # one step has no second end to compare with


def test_without_the_methods_own_calls_nothing_of_it_is_profiled(once):
    found = measure_speed(once(1), ("plain",))
    assert found["phases"] == {} and found["store"] is None and list(found["host_syncs"]) == ["plain"]
    assert speed_report(found).count("<svg") == 1


@pytest.mark.parametrize("wrong", [dict(steps=0), dict(repeats=0), dict(guidance=1.0)])
def test_a_setup_says_what_is_wrong(wrong):
    (name,) = wrong
    with pytest.raises(ConfigError, match=f"{name}="):
        CostSetup(**wrong)


def test_an_unknown_system_is_told_before_anything_is_loaded():
    with pytest.raises(ConfigError, match="no system 'fast'"):
        measure_speed(CostSetup("no such model"), ("fast",))


def test_sdxls_own_structure_is_used_at_any_size(monkeypatch, tiny_pipeline):
    monkeypatch.setattr(
        "seal_sdk.evaluation.cost.workplace.random_pipeline", lambda side, device, dtype: tiny_pipeline()
    )
    with open_workplace(CostSetup(FULL_SIZE, steps=2, device="cpu")) as place:
        assert place.step_rows == [4, 2]  # structure ends at 60 %
        assert place.facts()["model"] == FULL_SIZE
