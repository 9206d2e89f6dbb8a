"""Sessions on tiny pipelines of SDXL and of Stable Diffusion 1.5."""

from __future__ import annotations

from functools import partial

import pytest
from fixtures import tiny_sd15

from seal_sdk import IdentitySession


@pytest.fixture
def open_session(tmp_path):
    return partial(IdentitySession, store=tmp_path, enable_progress_bar=False)


@pytest.fixture
def session(tiny_pipeline, open_session):
    with open_session(tiny_pipeline()) as session:
        yield session


@pytest.fixture
def sd15_session(tiny_tokenizer, open_session):
    with open_session(tiny_sd15.pipeline(tiny_tokenizer)) as session:
        yield session


@pytest.fixture
def with_identity(session, reference_image):
    session.register(reference_image, prompt="a photo of a cat", name="cat", box=(20, 20, 100, 110))
    return session
