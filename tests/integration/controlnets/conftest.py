"""Sessions with ControlNets, ControlNet-Unions and T2I-Adapters."""

from __future__ import annotations

from functools import cache

import pytest
from fixtures import tiny, tiny_control
from fixtures.control_calls import CONTROL
from PIL import ImageOps

from seal_sdk import IdentitySession


@pytest.fixture
def images(structure_image):
    """Two images of one frame, 64 px."""
    pose = structure_image.resize((64, 64))
    return pose, ImageOps.invert(pose)


@pytest.fixture(scope="session")
def nets(tiny_tokenizer):
    """nets(kind): new modules of this kind, for a session."""
    unet = tiny.pipeline(tiny_tokenizer).unet
    make = {
        "one": lambda: tiny_control.controlnet(unet, 1),
        "two": lambda: [tiny_control.controlnet(unet, 1), tiny_control.controlnet(unet, 2)],
        "union": lambda: tiny_control.union(unet, 1),
        "two unions": lambda: [tiny_control.union(unet, 1), tiny_control.union(unet, 2)],
        "t2i": lambda: tiny_control.t2i_adapter(1),
        "two t2i": lambda: [tiny_control.t2i_adapter(1), tiny_control.t2i_adapter(2)],
    }
    return lambda kind: make[kind]()


@pytest.fixture(scope="session")
def open_session(tiny_tokenizer, tmp_path_factory, nets):
    """open_session(kind, ...): a new session with the nets of this kind."""

    def opened(kind, precision="fp32", **arguments):
        given = dict(controlnet=nets(kind), structure=CONTROL, enable_progress_bar=False)
        pipe, store = tiny.pipeline(tiny_tokenizer), tmp_path_factory.mktemp("store")
        return IdentitySession(pipe, store=store, precision=precision, **{**given, **arguments})

    return opened


@pytest.fixture(scope="session")
def session_with(open_session):
    """session_with(kind, precision): a session that many tests share, without an identity."""
    return cache(open_session)
