"""The cost of a picture with its share of what a subject costs once, and break-even counts, on costs made by hand."""

from __future__ import annotations

import pytest

from seal_sdk.evaluation.cost.amortised import amortised, break_even, break_evens


def costs(once, picture, rows=0):
    return {
        "once": {"seconds": once, "rows": rows},
        "picture": {"seconds": picture, "rows": 40},
        "kept_bytes": 0,
        "peak_bytes": None,
    }


def test_a_picture_has_its_share_of_what_the_subject_costs_once():
    assert [amortised(costs(100.0, 2.0), count) for count in (1, 5, 20, 100)] == [102.0, 22.0, 7.0, 3.0]


@pytest.mark.parametrize(
    ("system", "other", "expected"),
    [
        ((100, 2), (0, 4), 50),  # 200 seconds each with 50 pictures
        ((101, 2), (0, 4), 51),  # 203 against 204
        ((100, 2), (60, 4), 20),
        ((1, 2), (0, 4), 1),
        ((0, 2), (100, 4), 1),
        ((100, 4), (0, 4), None),
        ((0, 4), (0, 4), 1),
        ((0, 5), (100, 4), None),  # it begins ahead, and falls behind
        ((100, 5), (0, 4), None),
    ],
)
def test_break_even_is_the_first_count_from_which_a_system_is_no_slower(system, other, expected):
    one, two = costs(*system), costs(*other)
    found = break_even(one, two)
    assert found == expected
    slower = [count for count in range(1, 300) if amortised(one, count) > amortised(two, count)]
    assert found == (None if slower[-1:] == [299] else max(slower, default=0) + 1)


def test_systems_that_work_ahead_are_compared_with_all_others():
    found = break_evens(
        {"trained": costs(100, 2, 800), "plain": costs(0, 1), "slow": costs(0, 12), "ours": costs(5, 3, 4)}
    )
    assert found == {
        "trained": {"plain": None, "slow": 10, "ours": 95},
        "ours": {"trained": None, "plain": None, "slow": 1},
    }
