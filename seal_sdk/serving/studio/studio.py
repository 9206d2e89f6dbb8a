"""What all tabs of the page share."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from seal_sdk.serving.engine import Engine
from seal_sdk.serving.studio.jobs import Jobs
from seal_sdk.session import IdentitySession
from store import IdentityStore


@dataclass(frozen=True, eq=False)
class Studio:
    """The engine, the jobs of all browser tabs, and a folder for files that are shown or downloaded."""

    engine: Engine
    jobs: Jobs
    folder: Path

    @classmethod
    def of(cls, engine: Engine, folder: Path) -> Studio:
        """On an engine. The folder lies in the system's temporary one, and is the caller's to remove."""
        return cls(engine, Jobs(engine), folder)

    @property
    def session(self) -> IdentitySession:
        """The engine's."""
        return self.engine.session

    @property
    def store(self) -> IdentityStore:
        """The session's."""
        return self.session.store

    @property
    def side(self) -> int:
        """The side in pixels that the model draws best."""
        return self.session.backbone.geometry.default_side

    def names(self) -> list[str]:
        """Of all identities in the library."""
        return list(self.session.identities)

    def new_folder(self) -> Path:
        """An empty folder for files that belong together."""
        return Path(tempfile.mkdtemp(dir=self.folder))
