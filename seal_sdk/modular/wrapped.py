"""A block around one of diffusers' blocks."""

from __future__ import annotations

from typing import Any, ClassVar

from diffusers.modular_pipelines.modular_pipeline import ModularPipelineBlocks
from diffusers.modular_pipelines.modular_pipeline_utils import ComponentSpec, ConfigSpec, InputParam, OutputParam

from seal_sdk.modular.inputs import with_guider


class WrappedBlock(ModularPipelineBlocks):
    """Needs and gives what the wrapped block does, and more.

    wrapped: class of diffusers' block. own_inputs, own_outputs: those beside its own.
    """

    model_name: Any = "stable-diffusion-xl"
    wrapped: ClassVar[Any]
    own_inputs: ClassVar[tuple[InputParam, ...]] = ()
    own_outputs: ClassVar[tuple[OutputParam, ...]] = ()

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # diffusers' has no types
        self.block: Any = self.wrapped()

    @property
    def description(self) -> str:
        """For people: the class's own first line."""
        return (type(self).__doc__ or "").partition("\n")[0]

    @property
    def expected_components(self) -> list[ComponentSpec]:
        """Those of the wrapped block."""
        return with_guider(self.block.expected_components)

    @property
    def expected_configs(self) -> list[ConfigSpec]:
        """Those of the wrapped block."""
        return [*self.block.expected_configs]

    @property
    def inputs(self) -> list[InputParam]:
        """Those of the wrapped block, and its own."""
        return [*self.block.inputs, *self.own_inputs]

    @property
    def intermediate_outputs(self) -> list[OutputParam]:
        """Those of the wrapped block, and its own."""
        return [*self.block.intermediate_outputs, *self.own_outputs]
