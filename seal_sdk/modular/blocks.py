"""diffusers' automatic SDXL blocks with an identity put in."""

from __future__ import annotations

from diffusers.modular_pipelines.stable_diffusion_xl.modular_blocks_stable_diffusion_xl import (
    StableDiffusionXLAutoBlocks,
    StableDiffusionXLAutoControlNetDenoiseStep,
    StableDiffusionXLAutoDenoiseStep,
    StableDiffusionXLCoreDenoiseStep,
)

from seal_sdk.modular.decode import IdentityDecodeStep
from seal_sdk.modular.denoise import (
    IdentityControlNetDenoiseStep,
    IdentityDenoiseStep,
    IdentityInpaintControlNetDenoiseStep,
    IdentityInpaintDenoiseStep,
)
from seal_sdk.modular.text_encoder import IdentityTextEncoderStep


class IdentityAutoControlNetDenoiseStep(StableDiffusionXLAutoControlNetDenoiseStep):
    """Inpainting with a ControlNet where there is a mask, else the ControlNet alone."""

    block_classes = [IdentityInpaintControlNetDenoiseStep, IdentityControlNetDenoiseStep]  # noqa: RUF012  # diffusers' way


class IdentityAutoDenoiseStep(StableDiffusionXLAutoDenoiseStep):
    """The denoising loop that the inputs ask for."""

    block_classes = [IdentityAutoControlNetDenoiseStep, IdentityInpaintDenoiseStep, IdentityDenoiseStep]  # noqa: RUF012


class IdentityCoreDenoiseStep(StableDiffusionXLCoreDenoiseStep):
    """Preparing inputs as diffusers does, then denoising with the identity."""

    block_classes = [*StableDiffusionXLCoreDenoiseStep.block_classes[:-1], IdentityAutoDenoiseStep]  # noqa: RUF012


class IdentityBlocks(StableDiffusionXLAutoBlocks):
    """``StableDiffusionXLAutoBlocks`` with an identity: all its workflows (image to image, inpainting, ControlNets, IP-Adapters) stay.

    ::

        pipe = IdentityBlocks().init_pipeline()
        pipe.update_components(unet=..., vae=..., text_encoder=..., ..., guider=DeltaBridgeGuidance(guidance_scale=5.0))
        image = pipe(prompt="a cat on snow", identity=session.identities["cat"], output="images")[0]
    """

    block_classes = [  # noqa: RUF012
        IdentityTextEncoderStep,
        *StableDiffusionXLAutoBlocks.block_classes[1:-2],
        IdentityCoreDenoiseStep,
        IdentityDecodeStep,
    ]

    @property
    def description(self) -> str:
        """For people."""
        return f"{super().description} With identity= it draws a registered subject (SeAl)."
