"""What a later session needs to go on, as plain data that JSON may hold."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from seal_sdk.config import ALWAYS, Interval
from seal_sdk.identity import Identity, Library
from seal_sdk.presets import Preset
from seal_sdk.seeding import random_state


@dataclass(frozen=True)
class SessionState:
    """The identity in use, the session's own settings, and where the drawn seeds are. seeds: of `seeding.random_state`."""

    identity: Identity | None
    settings: Preset
    guidance_interval: Interval
    seeds: list[Any]

    @classmethod
    def of(
        cls, identity: Identity | None, settings: Preset, guidance_interval: Interval, source: random.Random
    ) -> SessionState:
        """As it is now."""
        return cls(identity, settings, guidance_interval, random_state(source))

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        identity = self.identity
        return {
            "identity": identity and {"name": identity.name, "digest": identity.digest},
            "settings": asdict(self.settings),
            "guidance_interval": self.guidance_interval,
            "random": self.seeds,
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any], library: Library) -> SessionState:
        """From such data; what an earlier version did not have yet is the default's.

        Raises UnknownIdentity when the library lacks its identity, and ConfigError for values that the settings refuse.
        """
        settings, used = Preset.from_dict(state["settings"]), state["identity"]
        identity = used and Identity(library.stored(used["digest"]), used["name"])
        start, end = state.get("guidance_interval", ALWAYS)
        return cls(identity, settings, (start, end), list(state["random"]))
