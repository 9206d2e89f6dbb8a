"""The session that a benchmark draws with."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from seal_sdk.segmentation import SubjectSegmenter
from seal_sdk.session import IdentitySession


@contextmanager
def benchmark_session(model: Any, subject: str | SubjectSegmenter = "sam") -> Iterator[IdentitySession]:
    """A session on an empty store, which is gone afterwards. model, subject: as of `IdentitySession`."""
    with (
        tempfile.TemporaryDirectory(prefix="seal-evaluation-") as store,
        IdentitySession(model, store=store, subject=subject, enable_progress_bar=False) as session,
    ):
        yield session
