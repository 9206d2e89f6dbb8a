"""Pictures that are painted into, as diffusers' img2img and inpainting pipelines prepare them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from diffusers.image_processor import VaeImageProcessor
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from seal_sdk.backbone.vae import encode_pixels, sample_latents

if TYPE_CHECKING:
    from seal_sdk.backbone.unet import UNetBackbone

Size = tuple[int, int]
Crop = tuple[int, int, int, int]


class Pictures:
    """A backbone's preparation of pictures and masks. Sizes are (height, width) in pixels.

    crop: (x0, y0, x1, y1) of the picture that is drawn, None for all of it. fingerprint: of a module. unmasked: keeps the last
    `unmasked_input`.
    """

    def __init__(
        self, backbone: UNetBackbone, fingerprint: Callable[[nn.Module], str | None], unmasked: dict[object, Tensor]
    ) -> None:
        self.pixels_per_latent = backbone.geometry.pixels_per_latent
        self._backbone, self._fingerprint, self._unmasked = backbone, fingerprint, unmasked

    # Made when asked for: every forward asks whether the model takes a mask.
    @cached_property
    def _pictures(self) -> Any:
        return VaeImageProcessor(vae_scale_factor=self.pixels_per_latent)

    @cached_property
    def _masks(self) -> Any:
        return self._grey_processor(do_binarize=True)

    @cached_property
    def _greys(self) -> Any:
        return self._grey_processor()

    def _grey_processor(self, **more: bool) -> Any:
        make: Any = VaeImageProcessor
        return make(vae_scale_factor=self.pixels_per_latent, do_normalize=False, do_convert_grayscale=True, **more)

    @property
    def takes_mask(self) -> bool:
        """Whether the model (a UNet of 9 channels) takes a mask beside its latents, and so only paints into pictures."""
        return bool(self._backbone._unet.config["in_channels"] == 2 * self._backbone.geometry.channels + 1)

    def default_strength(self, masked: bool) -> float:
        """Share of the schedule for which a picture is drawn anew: diffusers' default of inpainting (masked) or of img2img."""
        return self._backbone.inpaint_strength if masked else self._backbone.img2img_strength

    def crop_region(self, mask: Image.Image, size: Size, padding: int) -> Crop:
        """The part of a picture that holds its mask and ``padding`` pixels around it, of the size's aspect ratio."""
        height, width = size
        crop: Crop = self._masks.get_crop_region(mask, width, height, pad=padding)
        return crop

    def pixels(self, image: Image.Image | Tensor, size: Size, crop: Crop | None = None) -> Tensor:
        """(1, 3, H, W) float32 in [-1, 1] of an RGB image, or of pixels (1, 3, H, W) in [0, 1], stretched to the size."""
        return _preprocess(self._pictures, image, size, crop)

    def mask(self, mask: Image.Image, size: Size, crop: Crop | None = None) -> Tensor:
        """(1, 1, H, W) float32 of zeros and ones: where a grey mask is half white or more."""
        return _preprocess(self._masks, mask, size, crop)

    def levels(self, mask: Image.Image, size: Size) -> NDArray[np.float32]:
        """(H, W) in [0, 1]: a grey mask's own values."""
        levels: NDArray[np.float32] = _preprocess(self._greys, mask, size, None)[0, 0].numpy()
        return levels

    def image(self, pixels: Tensor) -> Image.Image:
        """The RGB image of `pixels`."""
        image: Image.Image = self._pictures.postprocess(pixels, output_type="pil")[0]
        return image

    def overlay(self, mask: Image.Image, original: Image.Image, drawn: Image.Image, crop: Crop) -> Image.Image:
        """What was drawn of the crop, laid over the whole original with the mask's grey values."""
        laid: Image.Image = self._pictures.apply_overlay(mask, original, drawn, crop)
        return laid

    def encode(self, pixels: Tensor, generator: torch.Generator) -> Tensor:
        """Latents (B, C, h, w) of pixels (B, 3, H, W), drawn from the VAE's posterior. Raises NumericalError."""
        backbone = self._backbone
        return sample_latents(
            backbone.pipe.vae, pixels.to(backbone.device), generator, backbone.upcasts_vae, backbone.dtype
        )

    def model_input(self, noisy: Tensor, mask_input: Tensor | None) -> Tensor:
        """What the model takes of noisy latents (R, C, h, w); if it takes a mask, with (R, 1 + C, h, w) of it beside them.

        mask_input: None where everything is painted.
        """
        if not self.takes_mask:
            return noisy
        beside = self.unmasked_input(noisy.shape[-2], noisy.shape[-1]) if mask_input is None else mask_input
        return torch.cat([noisy, beside.to(noisy).expand(len(noisy), -1, -1, -1)], dim=1)

    def unmasked_input(self, height: int, width: int) -> Tensor:
        """(1, 1 + C, h, w), for models that take a mask: that of a picture of which everything is painted (ours).

        A mask of ones, and the grey that diffusers leaves of a picture under it: the posterior's mode, so that it is always the same.
        """
        backbone = self._backbone
        mark = (height, width, backbone.device, backbone.dtype, self._fingerprint(backbone.pipe.vae))
        if mark not in self._unmasked:
            factor = self.pixels_per_latent
            grey = torch.zeros(1, 3, height * factor, width * factor, device=backbone.device)
            latents = encode_pixels(backbone.pipe.vae, grey, backbone.upcasts_vae).to(backbone.dtype)
            self._unmasked.clear()
            self._unmasked[mark] = torch.cat([torch.ones_like(latents[:, :1]), latents], dim=1)
        return self._unmasked[mark]


def _preprocess(processor: Any, image: Image.Image | Tensor, size: Size, crop: Crop | None) -> Tensor:
    mode = "default" if crop is None else "fill"
    prepared: Tensor = processor.preprocess(image, height=size[0], width=size[1], resize_mode=mode, crops_coords=crop)
    return prepared.to(torch.float32)
