"""A session on a pipeline that all tests of pictures share."""

from __future__ import annotations

import pytest
from fixtures import tiny

from seal_sdk import IdentitySession


@pytest.fixture(scope="session")
def shared_pipeline(tiny_tokenizer):
    return tiny.pipeline(tiny_tokenizer)


@pytest.fixture
def pipe(shared_pipeline):
    """The pipeline, with its own scheduler again afterwards."""
    scheduler = shared_pipeline.scheduler
    yield shared_pipeline
    shared_pipeline.scheduler = scheduler


@pytest.fixture
def session(pipe, tmp_path):
    with IdentitySession(pipe, store=tmp_path, enable_progress_bar=False) as session:
        yield session
