"""Sessions on pipelines that all tests of callbacks' tensors share."""

from __future__ import annotations

import pytest
from fixtures import tiny, tiny_sd15

from seal_sdk import IdentitySession


@pytest.fixture(scope="session")
def pipes(tiny_tokenizer):
    return {"xl": tiny.pipeline(tiny_tokenizer), "sd15": tiny_sd15.pipeline(tiny_tokenizer)}


@pytest.fixture
def open_session(pipes, tmp_path):
    return lambda family: IdentitySession(pipes[family], store=tmp_path, enable_progress_bar=False)


@pytest.fixture
def session(open_session):
    with open_session("xl") as session:
        yield session
