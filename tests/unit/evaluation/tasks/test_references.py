"""Several photos of one subject: they show the same identity, and the measurement runs through the command."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

from seal_sdk.cli.main import seal
from seal_sdk.evaluation.questions.references import further_photos
from seal_sdk.evaluation.questions.triples import triple


def test_further_photos_show_the_same_subject_otherwise():
    asked = triple(400_000, "mesh")
    photos = further_photos(asked, 2)
    assert all(asked.identity.species in prompt for _, prompt in photos)
    pictures = [asked.reference.image, *(photo.image for photo, _ in photos)]
    assert all(not np.array_equal(a, b) for n, a in enumerate(pictures) for b in pictures[:n])
    (again, _), _ = further_photos(asked, 2)
    assert np.array_equal(again.image, pictures[1])


def test_the_command_compares_one_photo_with_more(open_tiny, monkeypatch):
    monkeypatch.setattr("seal_sdk.evaluation.session.IdentitySession", open_tiny)
    result = CliRunner().invoke(seal, ["bench", "references", "--seeds", "400000:400002", "--json"])
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    errors = {count: each["mean"] for count, each in summary["subject_error"].items()}
    assert set(errors) == {"1", "2", "3"} and summary["seeds"] == 2
    assert summary["ratios"]["2"]["mean"] == pytest.approx(errors["2"] / errors["1"])
    table = CliRunner().invoke(seal, ["bench", "references", "--seeds", "400000"]).output
    assert "part colour" in table and len(table.splitlines()) == 4
