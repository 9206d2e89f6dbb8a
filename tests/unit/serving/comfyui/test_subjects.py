"""Who is drawn, and by which settings."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from seal_sdk.config import Appearance, DeltaBridge, Structure
from seal_sdk.errors import ConfigError, InputError
from seal_sdk.presets import PAPER
from seal_sdk.serving.comfyui.models import Models
from seal_sdk.serving.comfyui.nodes import make_nodes
from seal_sdk.serving.comfyui.settings import MethodSettings
from seal_sdk.serving.comfyui.subjects import Subject, identity_argument

RUN = {node.name: node.run for node in make_nodes(Models())}


@dataclass(frozen=True)
class Named:
    """Stands for an Identity."""

    name: str


TIGER, HORSE, BEHIND = (Named(name) for name in ("tiger", "horse", "tiger from behind"))


def alone(*references):
    return (Subject(references),)


def mask(left):
    marked = torch.zeros(1, 8, 8)
    marked[:, :, left : left + 4] = 1
    return marked


def test_one_identity_is_itself_and_several_references_are_a_tuple():
    assert identity_argument(alone(TIGER)) is TIGER
    (joined,) = RUN["SealReferences"](first=alone(TIGER), second=alone(BEHIND))
    assert identity_argument(joined) == (TIGER, BEHIND)


def test_regions_are_linked_one_to_the_next():
    (first,) = RUN["SealRegion"](identity=alone(TIGER), mask=mask(0), prompt=" ")
    (both,) = RUN["SealRegion"](identity=alone(HORSE), mask=mask(4), prompt="a white horse", others=first)
    chosen = identity_argument(both)
    assert list(chosen) == [TIGER, HORSE]
    assert chosen[TIGER].prompt is None and chosen[HORSE].prompt == "a white horse"
    assert np.array_equal(chosen[HORSE].place, mask(4)[0].numpy())


def test_one_region_is_a_region_too():
    (placed,) = RUN["SealRegion"](identity=alone(TIGER), mask=mask(0), prompt="")
    assert list(identity_argument(placed)) == [TIGER]


def test_what_would_be_lost_is_refused():
    (placed,) = RUN["SealRegion"](identity=alone(TIGER), mask=mask(0), prompt="")
    (twice,) = RUN["SealRegion"](identity=alone(TIGER), mask=mask(4), prompt="", others=placed)
    with pytest.raises(InputError, match="'tiger' has two regions: join their masks"):
        identity_argument(twice)
    with pytest.raises(InputError, match=r"identity has regions already \(tiger\)"):
        RUN["SealRegion"](identity=placed, mask=mask(0), prompt="")
    with pytest.raises(InputError, match="second has regions already"):
        RUN["SealReferences"](first=alone(TIGER), second=placed)
    with pytest.raises(InputError, match="mask is black everywhere"):
        RUN["SealRegion"](identity=alone(TIGER), mask=torch.zeros(1, 64, 64), prompt="")


def test_settings_are_the_presets_but_for_those_given():
    own = MethodSettings().arguments("seal", with_identity=True)
    assert own["appearance"] == Appearance() and own["delta_bridge"] == DeltaBridge()
    assert own["structure_control"] == Structure() and own["guidance_interval"] == (0.0, 1.0)
    (given,) = RUN["SealSettings"](control="as the preset", delta=1.5, override=0.0, control_end=0.4, guidance_end=0.8)
    paper = given.arguments("paper", with_identity=True)
    assert paper["appearance"].delta == 1.5 and paper["appearance"].top_k == PAPER.appearance.top_k
    assert paper["delta_bridge"] == PAPER.delta_bridge  # its override is 0
    assert paper["structure_control"].end == 0.4 and paper["structure_control"].control == "inject"
    assert paper["guidance_interval"] == (0.0, 0.8)


def test_without_an_identity_nothing_is_taken_from_a_reference():
    nobody = MethodSettings(delta=3.0, strength=0.2).arguments("seal", with_identity=False)
    assert nobody["appearance"].delta == 0 and nobody["delta_bridge"].strength == 0


def test_settings_out_of_range_are_named():
    with pytest.raises(ConfigError, match=r"scale=1\.5"):
        MethodSettings(control="inject", control_scale=1.5).arguments("seal", with_identity=True)
