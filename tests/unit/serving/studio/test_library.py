"""What the library shows, and what registering from the page makes of names."""

import pytest

from seal_sdk import Callback, IdentitySession
from seal_sdk.errors import SubjectNotFound
from seal_sdk.serving.studio.registering import find_subject, free_name, register
from seal_sdk.serving.studio.shelf import ANY_MODEL, Shelf

BOX = (20.0, 20.0, 100.0, 110.0)


@pytest.fixture
def session(tiny_pipeline, tmp_path, reference_image):
    with IdentitySession(tiny_pipeline(), store=tmp_path / "store", enable_progress_bar=False) as session:
        session.register(reference_image, prompt="a photo of a cat", name="tom", box=BOX, timesteps=1)
        yield session


def keys(items):
    return [item.key for item in items]


def test_the_shelf_searches_names_and_prompts_and_sorts(session, structure_image):
    session.register(structure_image, prompt="a photo of a dog", name="Rex", box=BOX, timesteps=2)
    shelf = Shelf(session.store)
    assert keys(shelf.find("", ANY_MODEL, "Name")) == ["Rex", "tom"]
    assert keys(shelf.find("photo CAT", ANY_MODEL, "Name")) == ["tom"] and shelf.find("cow", ANY_MODEL, "Name") == []
    assert (
        keys(shelf.find("", ANY_MODEL, "Largest"))[0] == "Rex" and keys(shelf.find("", ANY_MODEL, "Newest"))[0] == "Rex"
    )
    (model,) = shelf.models()
    assert keys(shelf.find("", model, "Name")) == ["Rex", "tom"] and shelf.find("", "another", "Name") == []


def test_searching_opens_no_identity(session, monkeypatch):
    """So that it stays quick in a large library; only the order by last use looks into all of them."""
    asked = []
    resolve = session.store.resolve
    monkeypatch.setattr(session.store, "resolve", lambda name: asked.append(name) or resolve(name))
    shelf = Shelf(session.store)
    found = shelf.find("cat", ANY_MODEL, "Name")
    assert keys(found) == ["tom"] and asked == []
    shelf.find("cat", ANY_MODEL, "Last used")
    assert asked == ["tom"]


def test_cards_show_a_thumbnail_and_no_markup_of_others(session, reference_image):
    session.register(
        reference_image, prompt="a photo of a <img src=x onerror=alert(1)> cat", name="odd", box=BOX, timesteps=1
    )
    shelf = Shelf(session.store)
    cards = shelf.cards(shelf.find("", ANY_MODEL, "Name"), "odd")
    assert "<img src=x" not in cards and "&lt;img src=x" in cards
    assert cards.count('src="data:image/webp;base64,') == 2 and cards.count('aria-pressed="true"') == 1
    assert "used just now" in cards


def test_a_name_that_is_taken_is_left_to_its_identity(session, structure_image):
    before = session.store.resolve("tom").digest
    arguments = {"image": structure_image, "prompt": "a photo of a dog", "name": "tom", "box": BOX, "timesteps": 1}
    done = register(session, Callback(), arguments)
    assert done.identity.name == "tom 2" and not done.hit
    assert session.store.resolve("tom").digest == before != session.store.resolve("tom 2").digest
    assert free_name(session.store, "tom") == "tom 3"


def test_what_is_registered_already_is_a_hit_and_gets_no_second_name(session, reference_image):
    arguments = {"image": reference_image, "prompt": "a photo of a cat", "name": "tom", "box": BOX, "timesteps": 1}
    done = register(session, Callback(), arguments)
    assert done.hit and done.identity.name == "tom" and list(session.identities) == ["tom"]
    named = register(session, Callback(), {**arguments, "name": "thomas"})
    assert named.hit and named.known_as == ("tom",) and list(session.identities) == ["thomas", "tom"]


def test_the_subject_is_found_in_pixels_of_the_picture(tmp_path, reference_image):
    path = tmp_path / "large.png"
    reference_image.resize((256, 256)).save(path)
    with IdentitySession("pocket", store=tmp_path / "store", enable_progress_bar=False) as session:
        found = find_subject(session, str(path))
        identity = session.register(str(path), prompt="a photo of a cat", name="tom", timesteps=1)
    assert found.mask.shape == (256, 256)
    assert found.box == tuple(2 * edge for edge in identity.box)
    assert found.mask[::2, ::2].sum() == identity.mask.sum()


def test_a_picture_of_nobody_is_told(tmp_path):
    from PIL import Image

    path = tmp_path / "grey.png"
    Image.new("RGB", (128, 128), "grey").save(path)
    with (
        IdentitySession("pocket", store=tmp_path / "store", enable_progress_bar=False) as session,
        pytest.raises(SubjectNotFound),
    ):
        find_subject(session, str(path))
