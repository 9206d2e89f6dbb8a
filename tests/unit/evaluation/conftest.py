"""Questions and a session that the evaluation's tests share; they are costly to make and no test changes them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from transformers import CLIPTokenizer

from seal_sdk import IdentitySession
from seal_sdk.evaluation.questions.conflicts import recoloured
from seal_sdk.evaluation.questions.triples import Triple, triples


@pytest.fixture(scope="session")
def asked() -> list[Triple]:
    """Four plain questions."""
    return list(triples(range(400_000, 400_004), ("mesh",)))


@pytest.fixture(scope="session")
def conflicting(asked: list[Triple]) -> list[Triple]:
    """The same questions with another colour in the prompt."""
    return list(recoloured(asked))


@pytest.fixture(scope="module")
def session(tiny_tokenizer: CLIPTokenizer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[IdentitySession]:
    """A session of a tiny pipeline, for all tests of a module."""
    from fixtures import tiny

    folder = tmp_path_factory.mktemp("store")
    with IdentitySession(tiny.pipeline(tiny_tokenizer), store=folder, enable_progress_bar=False) as session:
        yield session
