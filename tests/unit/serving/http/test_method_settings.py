"""The method's settings in requests are those of the SDK's dataclasses."""

import json
from dataclasses import dataclass, fields, replace

import pytest
from pydantic import ValidationError

from seal_sdk.config import Alignment, Appearance, DeltaBridge, Structure
from seal_sdk.errors import ConfigError
from seal_sdk.presets import PAPER
from seal_sdk.serving.http.method_settings import settings_model
from seal_sdk.serving.http.requests import EditRequest, GenerationRequest, IdentityRequest


@pytest.mark.parametrize("kind", [Alignment, Appearance, DeltaBridge, Structure])
def test_every_field_is_there_with_its_default(kind):
    schema = settings_model(kind).model_json_schema()["properties"]
    assert list(schema) == [each.name for each in fields(kind)]
    assert settings_model(kind)().given == {}


def test_a_new_field_is_there_by_itself():
    @dataclass(frozen=True)
    class Later:
        width: int = 3

        def __post_init__(self):
            if self.width > 5:
                raise ConfigError(f"width={self.width}: expected at most 5.")

    model = settings_model(Later)
    assert replace(Later(), **model(width=4).given) == Later(4)
    with pytest.raises(ValidationError, match="width=6: expected at most 5"):
        model(width=6)


def test_only_what_is_given_counts():
    given = GenerationRequest(prompt="a", appearance={"detail": 0.5, "layers": ["up"]}).appearance.given
    assert given == {"detail": 0.5, "layers": ("up",)}
    assert replace(PAPER.appearance, **given).top_k == 1


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"appearance": {"tau": 3}}, "tau=3.0: expected a cosine"),
        ({"appearance": {"detla": 3}}, "detla"),
        ({"delta_bridge": {"base": "x"}}, "base='x'"),
        ({"structure_control": {"scale": 2}}, "scale=2.0: expected a number from 0 to 1"),
        ({"alignment": {"fill": [1, 2]}}, "fill"),
        ({"appearance": {"delta": float("nan")}}, "finite"),
        ({"nonsense": 1}, "nonsense"),
        ({"n": 3, "seed": [1]}, "3 images need 3 seeds, got 1"),
        ({"identity": {"cat": {}}}, "box"),
        ({"identity": {}}, "identity"),
        ({"size": "big"}, "WIDTHxHEIGHT"),
        ({"response_format": "url"}, "b64_json"),
        ({"background": "transparent"}, "no transparency"),
    ],
)
def test_mistakes_are_told(given, told):
    with pytest.raises(ValidationError, match=told):
        GenerationRequest(prompt="a", **given)


def test_the_examples_of_the_description_are_valid():
    for model in (GenerationRequest, EditRequest, IdentityRequest):
        for example in model.model_config["json_schema_extra"]["examples"]:
            assert model.model_validate_json(json.dumps(example), strict=True).prompt == example["prompt"]
