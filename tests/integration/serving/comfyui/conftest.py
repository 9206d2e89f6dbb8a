"""Nodes that ComfyUI runs on the embedded model, and a session beside them over the same library."""

from __future__ import annotations

import pytest
import torch
from fixtures.comfyui import load_image

from seal_sdk import IdentitySession
from seal_sdk.serving.comfyui.models import Models
from seal_sdk.serving.comfyui.nodes import make_nodes
from seal_sdk.serving.comfyui.v1 import node_class


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    return str(tmp_path_factory.mktemp("library"))


@pytest.fixture(scope="session")
def models():
    models = Models()
    yield models
    models.close()


@pytest.fixture(scope="session")
def nodes(models):
    """Name -> what runs the node."""
    return {node.name: node_class(node) for node in make_nodes(models)}


@pytest.fixture(scope="session")
def run(nodes):
    def run(name, /, **given):
        with torch.inference_mode():  # as ComfyUI
            return getattr(nodes[name](), nodes[name].FUNCTION)(**given)

    return run


@pytest.fixture(scope="session")
def opened(run, library):
    given = dict(model="pocket", store=library, precision="auto", accelerator="auto", low_memory=False)
    (model,) = run("SealModel", path="", **given)
    return model


@pytest.fixture(scope="session")
def session(library):
    """A session beside ComfyUI, over the same library."""
    with IdentitySession("pocket", store=library, enable_progress_bar=False) as session:
        yield session


@pytest.fixture(scope="session")
def cat(run, opened, reference_image):
    image, mask = load_image(reference_image)
    given = dict(name="cat", prompt="a photo of a cat", preset="seal", box="20, 20, 100, 110")
    identity, _, _ = run("SealRegister", session=opened, image=image, mask=mask, **given)
    return identity
