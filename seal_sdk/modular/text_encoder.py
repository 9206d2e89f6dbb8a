"""Text encoding: the prompt's embeddings as diffusers makes them, and those of the appearance row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from diffusers.modular_pipelines.modular_pipeline import PipelineState
from diffusers.modular_pipelines.modular_pipeline_utils import OutputParam
from diffusers.modular_pipelines.stable_diffusion_xl.encoders import StableDiffusionXLTextEncoderStep
from torch import Tensor

from seal_sdk.backbone.prompt_options import PromptOptions
from seal_sdk.backbone.prompts import check_prompt
from seal_sdk.errors import InputError
from seal_sdk.generation.regions import joint_prompt
from seal_sdk.generation.request import as_list
from seal_sdk.modular.inputs import APPEARANCE, APPEARANCE_EMBEDS, IDENTITY, bridge_of, of_image, subjects_of
from seal_sdk.modular.wrapped import WrappedBlock

TEXTS = ("prompt", "prompt_2", "negative_prompt", "negative_prompt_2")


class IdentityTextEncoderStep(WrappedBlock):
    """diffusers' text encoding; with an identity, prompt by prompt, and of the reference's prompt too where Delta-Bridge is on.

    Prompts are encoded one by one so that a batch draws bit for bit what single calls draw.
    """

    wrapped = StableDiffusionXLTextEncoderStep
    own_inputs = (IDENTITY, APPEARANCE)
    own_outputs = tuple(
        OutputParam(
            name,
            type_hint=Tensor,
            kwargs_type="denoiser_input_fields",
            description="Of the appearance row, one for each prompt; None where there is no such row.",
        )
        for name in APPEARANCE_EMBEDS
    )

    @torch.no_grad()
    def __call__(self, components: Any, state: PipelineState) -> tuple[Any, PipelineState]:
        """Raises PromptError, or InputError for an identity that cannot be drawn."""
        block_state: Any = self.get_block_state(state)
        if block_state.identity is None:
            self.block(components, state)
            return components, state
        count = len(as_list(block_state.prompt))
        if len(as_list(block_state.identity)) > count:
            raise InputError(f"identity: {len(as_list(block_state.identity))} for {count} prompts; give one for each.")
        encoded = [self._encode_image(components, state, block_state, number, count) for number in range(count)]
        for name in (each.name for each in self.intermediate_outputs):
            values = [each[name] for each in encoded]
            setattr(block_state, name, None if any(value is None for value in values) else torch.cat(values))
        self.set_block_state(state, block_state)
        return components, state

    def _encode_image(
        self, components: Any, state: PipelineState, block_state: Any, number: int, count: int
    ) -> Mapping[str, Any]:
        """One prompt's embeddings, and its appearance row's, by the outputs' names."""
        bridge = bridge_of(components.guider)
        texts = {name: of_image(getattr(block_state, name), name, number, count) for name in TEXTS}
        check_prompt(texts["prompt"])
        subjects = subjects_of(of_image(block_state.identity, "identity", number, count), block_state.appearance)
        if not bridge.strength:
            return {**self._encode(components, state, texts), **dict.fromkeys(APPEARANCE_EMBEDS)}
        if bridge.quality:
            texts["prompt"] += f", {bridge.quality}"
            texts["prompt_2"] = PromptOptions(texts["prompt_2"]).with_suffix(bridge.quality).prompt_2
        of_reference = self._encode(components, state, {**dict.fromkeys(TEXTS), "prompt": joint_prompt(subjects)})
        appearance = {name: of_reference[source] for name, source in APPEARANCE_EMBEDS.items()}
        return {**self._encode(components, state, texts), **appearance}

    def _encode(self, components: Any, state: PipelineState, texts: Mapping[str, Any]) -> Mapping[str, Any]:
        """The embeddings that diffusers' block makes of these words."""
        alone = PipelineState(values={**state.values, **texts})
        self.block(components, alone)
        return {each.name: alone.get(each.name) for each in self.block.intermediate_outputs}
