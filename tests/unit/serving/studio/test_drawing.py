"""From what somebody asks for to a job of the engine, and back from the settings in a PNG."""

import pytest
from PIL import Image

from seal_sdk import IdentitySession
from seal_sdk.errors import InputError, UnknownIdentity
from seal_sdk.presets import find_preset
from seal_sdk.serving.studio.drawing import Canvas, Wish
from seal_sdk.serving.studio.history import lost, wish_in
from seal_sdk.serving.studio.sliders import Strengths

BOX = (20.0, 20.0, 100.0, 110.0)
CANVAS = Canvas((64, 48), 2, 3.0)


def wish(**changes):
    given = {
        "prompt": "a cat",
        "identities": {"cat": None},
        "seeds": (5, 6),
        "canvas": CANVAS,
        "settings": find_preset("seal"),
    }
    return Wish(**{**given, **changes})


@pytest.fixture
def session(tiny_pipeline, tmp_path, reference_image):
    with IdentitySession(tiny_pipeline(), store=tmp_path / "store", enable_progress_bar=False) as session:
        session.register(reference_image, prompt="a photo of a cat", name="cat", box=BOX, timesteps=2)
        yield session


def test_a_wish_is_a_drawing_of_one_identity_or_of_several_in_their_boxes():
    one = wish().drawing()
    assert (one.seeds, one.each["identity"], one.each["prompt"]) == ((5, 6), "cat", "a cat")
    assert (one.shared["width"], one.shared["height"], one.shared["num_inference_steps"]) == (64, 48, 2)
    both = {"cat": (0.0, 0.0, 32.0, 48.0), "dog": (32.0, 0.0, 64.0, 48.0)}
    assert wish(identities=both).drawing().each["identity"] == both


def test_the_sliders_scale_the_settings_that_the_page_names():
    shared = wish(strengths=Strengths(identity=50, structure=25, text=200)).drawing().shared
    assert shared["appearance"].delta == 5.0 and shared["appearance"].detail == 0.45
    assert shared["structure_control"].scale == 0.25
    assert shared["guidance_scale"] == 5.0 and shared["delta_bridge"].override == 2.0
    plain = wish().drawing().shared
    assert plain["appearance"] == find_preset("seal").appearance and plain["guidance_scale"] == 3.0


def test_without_identity_nothing_is_taken_from_the_reference(session, structure_image):
    """Not from its looks: it draws the same whoever is registered there."""
    session.register(structure_image, prompt="a photo of a dog", name="dog", box=BOX, timesteps=2)
    drawn = []
    for name in ("cat", "dog"):
        drawing = (
            wish(identities={name: None}, seeds=(5,), canvas=Canvas((64, 64), 2, 3.0)).without_identity().drawing()
        )
        generation = session.generate(
            **{key: [value] for key, value in drawing.each.items() if value is not None}, **drawing.shared, seed=[5]
        )
        drawn.append(generation.image.tobytes())
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"identities": {}}, "Choose who"),
        ({"prompt": "  "}, "Say what"),
        ({"seeds": ()}, "0 pictures"),
        ({"identities": {"cat": None, "dog": (0, 0, 8, 8)}}, "the place of 'cat'"),
    ],
)
def test_what_is_missing_is_said(changes, said):
    with pytest.raises(InputError, match=said):
        wish(**changes)


def draw(session, asked, path):
    drawing = asked.drawing()
    generation = session.generate(
        **{key: [value] for key, value in drawing.each.items() if value is not None},
        **drawing.shared,
        seed=list(drawing.seeds),
    )
    generation.image.save(path)
    return generation.image


def test_a_png_brings_back_what_draws_it_again(session, tmp_path):
    asked = wish(seeds=(7,), canvas=Canvas((64, 64), 2, 3.0), negative_prompt="red", strengths=Strengths(identity=60))
    image = draw(session, asked, tmp_path / "one.png")
    again, had_structure = wish_in(str(tmp_path / "one.png"), session.store)
    assert not had_structure and again.identities == {"cat": None} and again.seeds == (7,)
    assert again.negative_prompt == "red" and again.settings.appearance.delta == 6.0
    assert draw(session, again, tmp_path / "two.png").tobytes() == image.tobytes()


def test_a_png_finds_its_identity_under_a_new_name_and_says_when_it_is_gone(session, tmp_path):
    draw(session, wish(seeds=(7,), canvas=Canvas((64, 64), 2, 3.0)), tmp_path / "one.png")
    session.store.rename("cat", "tom")
    assert wish_in(str(tmp_path / "one.png"), session.store)[0].identities == {"tom": None}
    session.store.remove("tom")
    with pytest.raises(UnknownIdentity, match="'cat', which is not in the library"):
        wish_in(str(tmp_path / "one.png"), session.store)


def test_settings_that_lack_something_are_refused_in_words(session, tmp_path):
    from seal_sdk.images import attach_settings

    attach_settings(Image.new("RGB", (8, 8)), {"prompt": "a cat", "structure": None}).save(tmp_path / "odd.png")
    with pytest.raises(InputError, match="cannot be used here"):
        wish_in(str(tmp_path / "odd.png"), session.store)


class NoJobs:
    def job(self, job_id):
        return None


@pytest.mark.parametrize(
    "remembered", ["", "null", "[]", '{"id": "a"}', '{"id": 1, "prompt": 2, "identities": 3, "seed": 4}', "{"]
)
def test_what_a_browser_remembers_is_not_trusted(remembered):
    assert lost(remembered, NoJobs()) is None


def test_a_job_that_the_server_does_not_know_was_lost_in_a_restart():
    said, what = lost('{"id": "a", "prompt": "a cat", "identities": ["tom"], "seed": 3}', NoJobs())
    assert "The server was restarted, and 'a cat' was not finished" in said
    assert what == {"prompt": "a cat", "identities": ["tom"], "seed": 3}
