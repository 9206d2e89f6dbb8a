"""Image prompts: the pictures that IP-Adapters see beside the words (Ye et al., "IP-Adapter", 2023)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from seal_sdk.backbone.conditioning import Conditioning
from seal_sdk.errors import InputError


@dataclass(frozen=True, eq=False)
class ImagePrompt:
    """What IP-Adapters see, with diffusers' names. As there, a list has an entry per adapter: all images of a batch share it.

    ip_adapter_image: an image, or per adapter one or a list of several. A tensor (n, 3, s, s) is what the image encoder takes: resized and
    normalised.
    ip_adapter_image_embeds: instead of images, per adapter a tensor of n images: (2, n, D), or (2, n, T, D) for adapters that read all
    tokens of an encoder (IP-Adapter Plus). The first half is for the unconditional row; without guidance (1, n, ...) is enough.
    Raises InputError when both are given, or what is no such list.
    """

    ip_adapter_image: Any = None
    ip_adapter_image_embeds: Sequence[Tensor] | None = None

    def __post_init__(self) -> None:
        image, embeds = self.ip_adapter_image, self.ip_adapter_image_embeds
        if image is not None and embeds is not None:
            raise InputError("Give ip_adapter_image= or ip_adapter_image_embeds=, not both.")
        if image is not None:
            images = [_several(each) for each in (image if isinstance(image, list) else [image])]
            object.__setattr__(self, "ip_adapter_image", images)
        if embeds is not None and not (
            isinstance(embeds, (list, tuple))
            and all(isinstance(each, Tensor) and each.ndim in (3, 4) for each in embeds)
        ):
            raise InputError(
                "ip_adapter_image_embeds: expected a list with a tensor (2, n, D) or (2, n, T, D) per IP-Adapter."
            )

    @property
    def given(self) -> str | None:
        """The name of the argument that is given, None for neither."""
        if self.ip_adapter_image is not None:
            return "ip_adapter_image"
        return None if self.ip_adapter_image_embeds is None else "ip_adapter_image_embeds"

    @property
    def counts(self) -> list[int]:
        """How many images each adapter sees."""
        if self.ip_adapter_image is not None:
            return [len(each) for each in self.ip_adapter_image]
        return [each.shape[1] for each in self.ip_adapter_image_embeds or ()]


NO_IMAGES = ImagePrompt()


def _several(images: Any) -> Any:
    """One adapter's images: a list, or a tensor as it is. Raises InputError for an empty list."""
    if isinstance(images, list) and not images:
        raise InputError("ip_adapter_image holds an empty list: give each IP-Adapter at least one image.")
    return images if isinstance(images, list) or (isinstance(images, Tensor) and images.ndim == 4) else [images]


@dataclass(frozen=True, eq=False)
class ImageEmbeds:
    """An image prompt as the UNet takes it: per adapter a tensor (1, n, ...); empty where there is no adapter.

    embeds: of the images. negative_embeds: of no image.
    """

    embeds: tuple[Tensor, ...] = ()
    negative_embeds: tuple[Tensor, ...] = ()

    def with_images(self, row: Conditioning) -> Conditioning:
        """A row that sees the images."""
        return replace(row, image_embeds=self.embeds)

    def without_images(self, row: Conditioning) -> Conditioning:
        """A row that sees the negative embeddings."""
        return replace(row, image_embeds=self.negative_embeds)
