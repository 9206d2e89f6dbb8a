"""Forms are read the way OpenAI's clients write nested fields, and as JSON texts."""

import pytest

from seal_sdk.errors import InputError
from seal_sdk.serving.http.forms import nested


def test_brackets_are_dicts_and_lists():
    items = [
        ("prompt", '{"a"}'),
        ("identity[cat][box][]", "1"),
        ("identity[cat][box][]", "2"),
        ("identity[dog][prompt]", "a dog"),
        ("seed[]", "7"),
        ("appearance[detail]", "0.5"),
    ]
    assert nested(items) == {
        "prompt": '{"a"}',
        "identity": {"cat": {"box": ["1", "2"]}, "dog": {"prompt": "a dog"}},
        "seed": ["7"],
        "appearance": {"detail": "0.5"},
    }


def test_texts_may_be_json_and_boxes_plain_numbers():
    items = [("identity", '[{"name": "cat", "box": [1, 2, 3, 4]}]'), ("structure_box", "8,8,40,60")]
    assert nested(items) == {
        "identity": [{"name": "cat", "box": [1, 2, 3, 4]}],
        "structure_box": ["8", "8", "40", "60"],
    }


@pytest.mark.parametrize(
    ("items", "told"),
    [
        ([("seed", "1"), ("seed", "2")], "given twice"),
        ([("identity", "cat"), ("identity[cat][box][]", "2")], "in two ways"),
        ([("seed[]", "1"), ("seed[a]", "2")], "in two ways"),
        ([("identity[][name]", "cat")], "list of objects as JSON"),
        ([("a[b", "1")], "no name of a field"),
        ([("", "1")], "no name of a field"),
        ([("appearance", "{broken")], "looks like JSON"),
    ],
)
def test_contradictions_are_told(items, told):
    with pytest.raises(InputError, match=told):
        nested(items)
