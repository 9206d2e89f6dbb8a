"""The small parts of the page."""

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from seal_sdk.errors import ConfigError, InputError, JobCancelled, QueueFull, UnknownIdentity
from seal_sdk.serving.studio.address import free_port
from seal_sdk.serving.studio.box_picker import boxes_on, read_boxes, side_by_side
from seal_sdk.serving.studio.create_form import seeds, whole
from seal_sdk.serving.studio.painter import painted_mask, read_paint, sheet
from seal_sdk.serving.studio.pictures import shown_size, tinted
from seal_sdk.serving.studio.poses import BuiltInPose, species_in, thumbnails
from seal_sdk.serving.studio.register import _prompt_of
from seal_sdk.serving.studio.sliders import Strengths
from seal_sdk.serving.studio.words import ago, counted, in_words, listed
from store import StoreFull


def test_boxes_come_back_from_the_browser_as_they_went():
    boxes = side_by_side((90, 40), ["a", "b", "c"])
    assert boxes == {"a": (0, 0, 30, 40), "b": (30, 0, 60, 40), "c": (60, 0, 90, 40)}
    assert read_boxes(boxes_on((90, 40), {**boxes, "d": None})) == boxes
    assert read_boxes(None) == {}


@pytest.mark.parametrize(
    "value", [3, {"boxes": 3}, {"boxes": [{"name": "a"}]}, {"boxes": [{"name": "a", "box": [1, 2, "x", 4]}]}]
)
def test_boxes_of_the_browser_are_not_trusted(value):
    with pytest.raises(InputError, match="no boxes"):
        read_boxes(value)


def test_paint_is_a_mask_of_the_whole_picture():
    layer = Image.new("RGBA", (10, 5))
    layer.paste((200, 0, 0, 255), (2, 1, 4, 3))
    mask = painted_mask(sheet((10, 5), layer), (20, 10))
    assert mask.shape == (10, 20) and mask[2:6, 4:8].all() and mask.sum() == 16
    with pytest.raises(InputError, match="Nothing is painted"):
        painted_mask(sheet((10, 5)), (20, 10))


@pytest.mark.parametrize(
    "paint", [3, "http://elsewhere/x.png", "data:image/png;base64,!", "data:image/png;base64,AAAA"]
)
def test_paint_of_the_browser_is_not_trusted(paint):
    with pytest.raises(InputError):
        read_paint({"paint": paint})


def test_a_mask_is_tinted_where_it_is_set():
    mask = np.array([[True, False]])
    alpha = np.asarray(tinted(mask))[..., 3]
    assert alpha[0, 0] > 0 and alpha[0, 1] == 0


def test_a_sketch_stands_on_white_paper():
    sketch = Image.new("RGBA", (2, 1))
    sketch.putpixel((0, 0), (0, 0, 0, 255))
    assert np.asarray(read_paint(sheet((2, 1), sketch)).image).tolist() == [[[0, 0, 0], [255, 255, 255]]]


def test_large_pictures_are_shown_smaller():
    assert shown_size((4096, 1024)) == (1024, 256) and shown_size((100, 50)) == (100, 50)


def test_poses_show_each_species_in_different_ways():
    images = {BuiltInPose("cat", number).image(64).tobytes() for number in range(12)}
    assert len(images) == 12 and BuiltInPose("dog", 1, "depth").prompt == "a depth map of a dog"
    assert len(thumbnails("bird", "pose")) == 12 and BuiltInPose("cat", 0).image(4096).size == (512, 512)
    with pytest.raises(InputError, match="'cow'"):
        BuiltInPose("cow", 0)


def test_the_species_is_read_from_the_prompt():
    assert species_in("a photo of a blue Horse on snow") == "horse"
    assert species_in("a photo of a tiger") is None and species_in("") is None


def test_seeds_follow_the_first_one():
    assert seeds("5", 3) == (5, 6, 7) and len(seeds("", 2)) == 2
    assert seeds("", 1) != seeds(None, 1)
    with pytest.raises(ConfigError, match="'x'"):
        seeds("x", 1)


@pytest.mark.parametrize("value", [None, 1.5, "3", float("nan"), float("inf")])
def test_numbers_of_the_form_are_checked(value):
    with pytest.raises(ConfigError, match="Width"):
        whole(value, "Width")


@pytest.mark.parametrize("given", [{"identity": 101}, {"structure": -1}, {"text": 201}, {"text": None}])
def test_sliders_have_ends(given):
    with pytest.raises(ConfigError, match=next(iter(given))):
        Strengths(**given)


def test_names_suggest_a_prompt():
    assert _prompt_of("Tiger 2") == "a photo of a tiger" and _prompt_of("owl") == "a photo of an owl"


def test_times_and_numbers_are_said_in_words():
    assert [ago(at, 100_000) for at in (None, 99_990, 96_000, 0)] == ["never", "just now", "1 hour ago", "1 day ago"]
    assert counted(1, "step") == "1 step" and counted(0, "step") == "0 steps"
    assert listed(["a"]) == "a" and listed(["a", "b", "c"]) == "a, b and c" and listed([]) == ""


def test_a_taken_port_is_told():
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port={port}"):
            free_port("127.0.0.1", port)
    assert free_port("127.0.0.1", 0) > 0


@pytest.mark.parametrize(
    "error",
    [
        StoreFull("the disk is full"),
        QueueFull("5 jobs wait already"),
        UnknownIdentity("nobody is called 'x'"),
        ValueError("<b>"),
    ],
)
def test_errors_are_told_in_the_words_of_the_sdk_and_as_text(error):
    with pytest.raises(gr.Error) as told, in_words():
        raise error
    assert told.value.message == str(error).replace("<", "&lt;").replace(">", "&gt;").replace("'", "&#x27;")


def test_a_cancelled_job_is_no_error_that_is_shown():
    with pytest.raises(gr.Error) as told, in_words():
        raise JobCancelled("The job was cancelled.")
    assert not told.value.visible
