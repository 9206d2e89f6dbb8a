"""A session on a tiny pipeline, into which the tests load IP-Adapters."""

from __future__ import annotations

import pytest

from seal_sdk import IdentitySession


@pytest.fixture
def pipe(tiny_pipeline):
    pipe = tiny_pipeline()
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.fixture
def reference(reference_image):
    return reference_image.resize((64, 64))


@pytest.fixture
def mesh(structure_image):
    return structure_image.resize((64, 64))


@pytest.fixture
def session(pipe, tmp_path):
    with IdentitySession(pipe, store=tmp_path / "store", enable_progress_bar=False) as session:
        yield session


@pytest.fixture
def no_rows(pipe, monkeypatch):
    monkeypatch.setattr(pipe.unet, "forward", lambda *_, **__: pytest.fail("the UNet ran"))
