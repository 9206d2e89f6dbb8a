"""The method's settings as fields of requests: made of the dataclasses of `seal_sdk.config`, so that a new field is here by itself."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, ClassVar, Self, get_type_hints

from pydantic import BaseModel, ConfigDict, create_model, model_validator

from seal_sdk.config import Alignment, Appearance, DeltaBridge, Structure


class MethodSettings(BaseModel):
    """Some of a dataclass's settings. Those that are left out stay as the preset, or the service, has them."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    kind: ClassVar[type[Any]]

    @property
    def given(self) -> dict[str, Any]:
        """Those that are there."""
        return {name: getattr(self, name) for name in self.model_fields_set}

    @model_validator(mode="after")
    def _check(self) -> Self:
        self.kind(**self.given)  # its ConfigError is a ValueError, which names the value and what is expected
        return self


def settings_model(kind: type[Any]) -> type[MethodSettings]:
    """The model of a dataclass: its fields, types and defaults."""
    hints = get_type_hints(kind)
    made: dict[str, Any] = {each.name: (hints[each.name], each.default) for each in fields(kind)}
    model = create_model(f"{kind.__name__}Settings", __base__=MethodSettings, __doc__=kind.__doc__, **made)
    model.kind = kind
    return model


if TYPE_CHECKING:
    AlignmentSettings = MethodSettings
    AppearanceSettings = MethodSettings
    DeltaBridgeSettings = MethodSettings
    StructureSettings = MethodSettings
else:
    AlignmentSettings = settings_model(Alignment)
    AppearanceSettings = settings_model(Appearance)
    DeltaBridgeSettings = settings_model(DeltaBridge)
    StructureSettings = settings_model(Structure)
