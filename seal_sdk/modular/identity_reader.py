"""The component that reads identities for a modular pipeline."""

from __future__ import annotations

from typing import Any

from diffusers.configuration_utils import ConfigMixin, register_to_config

from seal_sdk.generation.input_cache import InputCache
from seal_sdk.kv_cache import KeyValueCache
from seal_sdk.modular.backbone import PARTS, ModularBackbone


class IdentityReader(ConfigMixin):
    """Keeps identities' K/V and prompt edits from call to call, and knows the pipeline's model by content. Pipelines may share one.

    memory_budget, accelerator_budget: bytes of K/V kept, as for :class:`seal_sdk.IdentitySession` (default 1 GiB each).
    """

    config_name: Any = "identity_reader_config.json"

    @register_to_config  # type: ignore[untyped-decorator]  # diffusers' has no types
    def __init__(self, memory_budget: int | None = None, accelerator_budget: int | None = None) -> None:
        self.cache = KeyValueCache(memory_budget, accelerator_budget)
        self.input_cache = InputCache()
        self._backbone: ModularBackbone | None = None

    def backbone(self, components: Any) -> ModularBackbone:
        """The pipeline's model; the one of the last call while its parts are the same. Raises ConfigError where parts are missing."""
        known = self._backbone
        if known is None or any(getattr(components, part, None) is not getattr(known.pipe, part) for part in PARTS):
            known = ModularBackbone.of(components)
        known.components, known.controlnet = components, getattr(components, "controlnet", None)
        self._backbone = known
        return known
