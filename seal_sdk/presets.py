"""Presets: all of the method's settings under one name.

"seal" is the SDK's default. "paper" is the paper alone: everything of ours is off. docs/method.md says, field by field, what the
paper gives and what it leaves open. Where it is open, "paper" keeps the default, but for structure, which is as Ctrl-X published it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from seal_sdk.config import Alignment, Appearance, DeltaBridge, Structure
from seal_sdk.errors import ConfigError

DEFAULT = "seal"


@dataclass(frozen=True)
class Preset:
    """The method's settings, and when references are captured.

    name: its key in `PRESETS`. It stays when settings are given on top (`with_given`).
    timesteps: as of ``IdentitySession.register``: "exact", a number of anchors, or a list.
    Raises ConfigError for settings that are not of their class.
    """

    name: str
    alignment: Alignment
    appearance: Appearance
    delta_bridge: DeltaBridge
    structure: Structure
    timesteps: str | int | Sequence[int]

    def __post_init__(self) -> None:
        for kind, given in (
            (Alignment, self.alignment),
            (Appearance, self.appearance),
            (DeltaBridge, self.delta_bridge),
            (Structure, self.structure),
        ):
            if not isinstance(given, kind):
                example = f"{kind.__name__}(**{given})" if isinstance(given, dict) else f"{kind.__name__}(...)"
                raise ConfigError(f"{given!r} is no {kind.__name__}: write {example}.")

    def with_given(
        self,
        *,
        alignment: Alignment | None = None,
        appearance: Appearance | None = None,
        delta_bridge: DeltaBridge | None = None,
        structure: Structure | None = None,
        timesteps: str | int | Sequence[int] | None = None,
    ) -> Preset:
        """The same with what is given in the place of its own; None is not given."""
        return Preset(
            self.name,
            self.alignment if alignment is None else alignment,
            self.appearance if appearance is None else appearance,
            self.delta_bridge if delta_bridge is None else delta_bridge,
            self.structure if structure is None else structure,
            self.timesteps if timesteps is None else timesteps,
        )

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Preset:
        """From what ``dataclasses.asdict`` makes of it. What an earlier version did not have yet is the default's.

        Raises ConfigError for an unknown name, or values that the settings refuse.
        """
        own = find_preset(state.get("name", DEFAULT))
        return replace(
            own,
            alignment=Alignment(**state["alignment"]),
            appearance=Appearance(**state["appearance"]),
            delta_bridge=DeltaBridge(**state["delta_bridge"]),
            structure=Structure(**state["structure"]),
            timesteps=state.get("timesteps", own.timesteps),
        )


SEAL = Preset(
    name="seal",
    alignment=Alignment(),
    appearance=Appearance(),
    delta_bridge=DeltaBridge(),
    structure=Structure(),
    timesteps=4,
)

PAPER = Preset(
    name="paper",
    alignment=Alignment(enabled=True, fill="border"),  # fill: open
    appearance=Appearance(
        delta=3.0,
        tau=0.15,
        top_k=1,
        schedule="dynamic",  # given; its shape is open (`method.schedules`)
        layers=("mid", "up"),
        per_head=False,  # a query token has one match
        rows="all",  # open
        gating="none",  # by tau alone
        tokens="all",
        latents="clean",  # "noise-free"
        quantization="none",
        detail=0.0,
    ),
    delta_bridge=DeltaBridge(
        strength=0.1,  # lambda: open
        base="gen",  # open
        region="image",
        end=0.6,  # "early-to-mid": open
        low_pass=3,  # "iterative": open
        quality="high quality",  # the paper's example
        override=0.0,
    ),
    structure=Structure(  # open beside "training-free": Ctrl-X's layers and end (arXiv 2406.07540)
        control="inject",
        end=0.6,
        scale=1.0,
        features=("up_blocks.0.resnets.0",),
        attention=("up0",),
    ),
    timesteps="exact",
)

PRESETS: Mapping[str, Preset] = MappingProxyType({each.name: each for each in (SEAL, PAPER)})


def find_preset(name: object) -> Preset:
    """The preset of a name. Raises ConfigError, which names the choices, for any other."""
    preset = PRESETS.get(name) if isinstance(name, str) else None
    if preset is None:
        raise ConfigError(f"preset={name!r}: expected one of " + ", ".join(map(repr, PRESETS)) + ".")
    return preset
