"""Which folders are a store, and which are refused untouched."""

from __future__ import annotations

import pytest
from fixtures.full_identity import put

from store import IdentityStore, StoreFormatError, StoreNotFound, UnknownName

pytestmark = pytest.mark.usefixtures("quick_disk")


def test_an_empty_store_lists_nothing(place):
    assert place.identities() == []
    assert place.verify().ok
    assert place.usage().total == 0
    assert place.gc(grace=0).removed == ()
    with pytest.raises(UnknownName, match="nothing has a name here yet"):
        place.resolve("tiger")


def test_a_folder_without_a_store_is_not_made_one_by_looking(tmp_path):
    for folder in (tmp_path / "missing", tmp_path):
        with pytest.raises(StoreNotFound, match="there is no store"):
            IdentityStore(folder, create=False)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_other_things_is_refused_untouched(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    for folder in (tmp_path, tmp_path / "thesis.tex"):
        with pytest.raises(StoreFormatError, match="choose"):
            IdentityStore(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize(("text", "message"), [("seal-store 2\n", "upgrade"), ("", "damaged"), ("zip\n", "damaged")])
def test_a_newer_or_damaged_layout_is_refused_untouched(place, text, message):
    put(place, name="tiger")
    (place.root / "FORMAT").write_text(text)
    with pytest.raises(StoreFormatError, match=message):
        IdentityStore(place.root)
    assert (place.root / "FORMAT").read_text() == text


def test_a_lost_format_file_is_not_guessed(place):
    put(place)
    (place.root / "FORMAT").unlink()
    with pytest.raises(StoreFormatError, match="no FORMAT"):
        IdentityStore(place.root)
