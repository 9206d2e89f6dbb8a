"""Pairs of identities: what is asked is what it says, and the measurement runs through the command."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

from seal_sdk import IdentitySession
from seal_sdk.cli.main import seal
from seal_sdk.errors import ConfigError
from seal_sdk.evaluation import pairs as module
from seal_sdk.evaluation.metrics import subject_error


@pytest.fixture(scope="module")
def asked():
    return list(module.pairs(range(400_000, 400_003)))


def test_two_subjects_stand_side_by_side(asked):
    for pair in asked:
        first, second = pair.masks
        assert first.sum() > 200 and second.sum() > 200 and not (first & second).any()
        columns = [np.nonzero(mask.any(0))[0].mean() for mask in pair.masks]
        assert columns[0] < columns[1]


def test_each_alone_is_a_part_of_both_together(asked):
    for pair in asked:
        for mask, alone in zip(pair.masks, pair.alone, strict=True):
            assert np.array_equal(pair.structure[mask], alone[mask])
        assert subject_error(pair.truth, pair.truth, pair.masks[0]) == 0


def test_the_same_seed_asks_the_same(asked):
    (again,) = module.pairs([400_000])
    assert np.array_equal(again.truth, asked[0].truth) and again.prompt == asked[0].prompt


def test_an_unknown_kind_is_refused():
    with pytest.raises(ConfigError, match="'photo' is no structure kind"):
        next(module.pairs([1], "photo"))


def test_the_command_compares_together_with_alone(tiny_pipeline, monkeypatch):
    monkeypatch.setattr(module, "IdentitySession", lambda model, **given: IdentitySession(tiny_pipeline(), **given))
    result = CliRunner().invoke(seal, ["bench", "pairs", "--seeds", "400000:400002", "--json"])
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    errors = {name: value["mean"] for name, value in summary["subject_error"].items()}
    assert set(errors) == set(module.METHODS) and summary["seeds"] == 2
    assert summary["together_over_alone"]["mean"] == pytest.approx(errors["together"] / errors["alone"])
