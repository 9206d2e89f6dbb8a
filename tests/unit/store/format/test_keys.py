"""The recipe key: canonical typed JSON, equal exactly for recipes that are equal in value and type."""

from __future__ import annotations

import hashlib
import json
import math
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from store import InvalidValue, canonical_json, recipe_key

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=12
)
recipes = st.dictionaries(st.text(), values, max_size=6)

RECIPE = {
    "pixels": "3f" * 32,
    "unet": {"fingerprint": "ab" * 32, "adapters": [["style", 0.5]], "quantised": False},
    "vae": {"fingerprint": "cd" * 32, "upcast": True, "tiling": False},
    "prompt": "a photo of a tiger",
    "add_time_ids": [512, 512, 0, 0, 512, 512],
    "scheduler": {"class": "EulerDiscreteScheduler", "config": {"beta_start": 0.00085, "steps_offset": 1}},
    "timesteps": [981, 961, 941],
    "layers": ["mid_block.attentions.0", "up_blocks.0.attentions.1"],
    "dtype": "float16",
    "quantiser": None,
    "strict": False,
}


def typed(value: object) -> object:
    """Value and type together, so that 1, 1.0 and True are told apart by ``==``."""
    if isinstance(value, dict):
        return {key: typed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [typed(item) for item in value]
    if isinstance(value, float):
        return "float", value, math.copysign(1, value)
    return type(value).__name__, value


@given(values)
def test_reading_the_text_back_gives_the_same_values_and_types(value):
    assert typed(json.loads(canonical_json(value))) == typed(value)


@given(values, values)
def test_texts_are_equal_exactly_when_values_and_types_are(one, other):
    assert (canonical_json(one) == canonical_json(other)) == (typed(one) == typed(other))


@given(recipes)
def test_the_order_of_fields_does_not_count(recipe):
    backwards = dict(reversed(list(recipe.items())))
    assert recipe_key(backwards) == recipe_key(recipe)


def test_the_key_is_the_sha256_of_ascii_json_without_white_space():
    text = canonical_json({"b": [1, 1.0, True, None], "a": "é"})
    assert text == b'{"a":"\\u00e9","b":[1,1.0,true,null]}'
    assert recipe_key({"b": [1, 1.0, True, None], "a": "é"}) == hashlib.sha256(text).hexdigest()


def test_one_float_text_and_true_have_four_keys():
    assert len({recipe_key({"x": value}) for value in (1, 1.0, "1", True)}) == 4


def test_tuples_and_other_mappings_count_as_lists_and_dicts():
    assert recipe_key(MappingProxyType({"x": (1, 2)})) == recipe_key({"x": [1, 2]})


@pytest.mark.parametrize("value", [math.nan, math.inf, b"bytes", {1, 2}, np.int64(3), np.zeros(2), {1: "x"}, 1 << 2000])
def test_what_json_cannot_keep_exactly_is_refused_by_its_place(value):
    with pytest.raises(InvalidValue, match=r"fields\[1\]"):
        recipe_key({"fields": [0, value]})


def test_a_recipe_that_is_no_mapping_or_holds_itself_is_refused():
    loop: list[object] = []
    loop.append(loop)
    for recipe in ([1], {"x": loop}):
        with pytest.raises(InvalidValue):
            recipe_key(recipe)


def changes(value: object, path: tuple = ()):
    """Every recipe that differs from RECIPE in one leaf, one missing field or one more field."""
    if isinstance(value, dict):
        yield path, {**value, "new": None}
        for key, item in value.items():
            yield (*path, key), {other: kept for other, kept in value.items() if other != key}
            for where, changed in changes(item, (*path, key)):
                yield where, {**value, key: changed}
    elif isinstance(value, list):
        yield path, value[1:]
        yield path, [*value, value[-1]]
        yield path, value[::-1] if len(value) > 1 and value[0] != value[-1] else [*value, None]
        for index, item in enumerate(value):
            for where, changed in changes(item, (*path, index)):
                yield where, [*value[:index], changed, *value[index + 1 :]]
    else:
        yield from ((path, changed) for changed in changes_of_leaf(value))


def changes_of_leaf(value: object):
    if isinstance(value, bool) or value is None:
        return [not value]
    if isinstance(value, str):
        return [value + "x", value[:-1]]
    return [value + 1, str(value), float(value) if isinstance(value, int) else int(value)]


def test_changing_anything_in_a_recipe_changes_its_key():
    variants = list(changes(RECIPE))
    keys = {recipe_key(recipe) for _, recipe in variants}
    assert len(variants) > 80
    assert recipe_key(RECIPE) not in keys
