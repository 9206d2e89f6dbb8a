"""Delta-Bridge as a guider of diffusers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from diffusers.configuration_utils import register_to_config
from diffusers.guiders.guider_utils import BaseGuidance, GuiderOutput
from torch import Tensor

from seal_sdk.config import Alignment, Appearance, DeltaBridge, Structure
from seal_sdk.generation.forward import APPEARANCE, GENERATION
from seal_sdk.generation.guidance import BridgeStep, GuidanceRows, guide
from seal_sdk.generation.settings import Sampling, Settings
from seal_sdk.method.schedules import guidance_at

COND, UNCOND, BRIDGE = "pred_cond", "pred_uncond", "pred_appearance"


class DeltaBridgeGuidance(BaseGuidance):
    """Classifier-free guidance with Delta-Bridge (paper, "Delta-Bridge"): rows with the prompt, without it, with the reference's prompt.

    Its inputs are triples: conditional, unconditional, and of the appearance row. Where the third is missing, as in diffusers' own
    denoisers, it is plain classifier-free guidance, bit for bit.

    guidance_scale: w; up to 1 there is no unconditional row. guidance_rescale: from 0 to 1 (Lin et al., arXiv 2305.08891).
    start, stop: progress of sampling, in [0, 1], between which guidance acts (Kynkaanniemi et al. 2024, arXiv 2404.07724).
    The others are those of :class:`seal_sdk.DeltaBridge`. ``disable()`` takes the unconditional row away, not the bridge.
    Raises ConfigError for settings that are out of their range.
    """

    _input_predictions: Any = [COND, UNCOND, BRIDGE]  # noqa: RUF012  # diffusers asks for a list

    @register_to_config  # type: ignore[untyped-decorator]  # diffusers' has no types
    def __init__(  # noqa: PLR0913  # diffusers' configurations are flat
        self,
        guidance_scale: float = 5.0,
        guidance_rescale: float = 0.0,
        strength: float = 0.1,
        base: str = "gen",
        region: str = "subject",
        end: float = 0.3,
        low_pass: int = 3,
        quality: str = "",
        override: float = 1.0,
        start: float = 0.0,
        stop: float = 1.0,
    ) -> None:
        super().__init__(start, stop)
        self.guidance_scale, self.guidance_rescale = guidance_scale, guidance_rescale
        self.delta_bridge = DeltaBridge(strength, base, region, end, low_pass, quality, override)
        self.subject_region: Tensor | None = None
        """(1, 1, h, w) in [0, 1]: how much of each latent the subjects cover. None where nobody knows."""
        self.progress: float | None = None
        """Of sampling, in [0, 1], where it is not the step's share of the steps: loops of pictures begin late in the schedule."""
        self._bridged = False

    def prepare_inputs(self, data: Any) -> list[Any]:
        """One batch of inputs for each row that this step needs. data: name -> (conditional, unconditional[, appearance])."""
        self._bridged = _has_third(data)
        inputs = {name: _triple(value) for name, value in data.items()}
        return self._batches(partial(self._prepare_batch, inputs))

    def prepare_inputs_from_block_state(self, data: Any, input_fields: Mapping[str, Any]) -> list[Any]:
        """The same, with names of fields of ``data`` in place of values."""
        self._bridged = _has_third(input_fields)
        fields = {name: _triple(value) for name, value in input_fields.items()}
        return self._batches(partial(self._prepare_batch_from_block_state, fields, data))

    def forward(
        self,
        pred_cond: Tensor | None = None,
        pred_uncond: Tensor | None = None,
        pred_appearance: Tensor | None = None,
    ) -> GuiderOutput:
        """The guided prediction (B, C, h, w) of this step's rows."""
        rows = GuidanceRows(
            self._settings,
            self._scale,
            self._gamma,
            self._bridge,
            pred_uncond,
            pred_cond,
            pred_appearance,
            self.subject_region,
        )
        self._step = None  # type: ignore[assignment]  # as diffusers has it before the first step
        return GuiderOutput(pred=guide(rows), pred_cond=pred_cond, pred_uncond=pred_uncond)

    @property
    def is_conditional(self) -> bool:
        """Whether the row that is being prepared has a prompt."""
        return self._names[self._count_prepared - 1] != UNCOND

    @property
    def num_conditions(self) -> int:
        """How many rows this step needs."""
        return len(self._names)

    def _batches(self, prepare: Callable[[int, str], Any]) -> list[Any]:
        return [prepare(self._input_predictions.index(name), name) for name in self._names]

    @property
    def _names(self) -> list[str]:
        used = self._bridge.rows
        needed = {
            COND: GENERATION in used,
            UNCOND: self._enabled and self._scale > 1,
            BRIDGE: APPEARANCE in used,
        }
        return [name for name, is_needed in needed.items() if is_needed]

    @property
    def _scale(self) -> float:
        """At this step; between steps, where text encoders ask for guidance, that of the interval."""
        if self._step is None:
            return self.guidance_scale
        return guidance_at(self._gamma, self.guidance_scale, (self._start, self._stop))

    @property
    def _gamma(self) -> float:
        """Progress of sampling in [0, 1]."""
        if self.progress is not None:
            return self.progress
        return (self._step or 0) / max((self._num_inference_steps or 1) - 1, 1)

    @property
    def _bridge(self) -> BridgeStep:
        return BridgeStep.at(self.delta_bridge, self._gamma, self._bridged)

    @property
    def _settings(self) -> Settings:
        sampling = Sampling(
            (0, 0), self._num_inference_steps or 0, self.guidance_scale, guidance_rescale=self.guidance_rescale
        )
        return Settings(Alignment(), Appearance(), self.delta_bridge, Structure(), sampling)


def _has_third(data: Mapping[str, Any]) -> bool:
    return any(isinstance(value, tuple) and len(value) > 2 and value[2] is not None for value in data.values())


def _triple(value: Any) -> Any:
    """The appearance row has the conditional's where it has none of its own."""
    return (*value, value[0]) if isinstance(value, tuple) and len(value) == 2 else value
