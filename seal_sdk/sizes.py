"""Which image sizes a model can draw, and how boxes follow when images are resized."""

from __future__ import annotations

from diffusers import StableDiffusionXLPipeline

from seal_sdk.errors import SizeError

Size = tuple[int, int]
Box = tuple[float, float, float, float]
LARGEST = 8192


def default_side(pipe: StableDiffusionXLPipeline) -> int:
    """The side in pixels that the model was trained for."""
    return pipe.unet.config.sample_size * pipe.vae_scale_factor


def check_size(pipe: StableDiffusionXLPipeline, height: int | None, width: int | None) -> Size:
    """(height, width) in pixels, the model's own where not given. Raises SizeError for sizes that it cannot draw."""
    step = pipe.vae_scale_factor
    smallest = step * 2 ** (len(pipe.unet.config.down_block_types) - 1)
    for name, value in (("height", height), ("width", width)):
        if value is None:
            continue
        if type(value) is not int or value % step or not smallest <= value <= LARGEST:
            near = (
                min(max(round(float(value) / step) * step, smallest), LARGEST)
                if isinstance(value, (int, float))
                else default_side(pipe)
            )
            raise SizeError(
                f"{name}={value!r}: expected a multiple of {step} from {smallest} to {LARGEST}; the nearest is {near}."
            )
    side = default_side(pipe)
    return height or side, width or side


def reference_size(pipe: StableDiffusionXLPipeline, size: Size) -> Size:
    """(width, height) at which a reference of (width, height) is captured: its aspect ratio, about the model's own area, whole tokens.

    Nothing is cropped, so that no part of the subject is lost.
    """
    width, height = size
    step = pipe.vae_scale_factor * 2 ** (len(pipe.unet.config.down_block_types) - 1)
    scale = default_side(pipe) / (width * height) ** 0.5
    fitted = tuple(max(round(side * scale / step), 2) * step for side in (width, height))
    if max(fitted) > 4 * default_side(pipe):
        raise SizeError(
            f"The reference is {width}x{height} pixels; its sides must not differ by more than 16 times. Crop it to the subject."
        )
    return fitted  # type: ignore[return-value]


def scale_box(box: Box, old: Size, new: Size) -> Box:
    """A box of an image of (width, height) ``old`` in the same image stretched to ``new``."""
    x, y = new[0] / old[0], new[1] / old[1]
    return box[0] * x, box[1] * y, box[2] * x, box[3] * y


def contain_box(box: Box, old: Size, canvas: Size) -> Box:
    """A box of an image of (width, height) ``old`` when that image is scaled, whole and centred, into a canvas."""
    scale = min(canvas[0] / old[0], canvas[1] / old[1])
    left, top = (canvas[0] - scale * old[0]) / 2, (canvas[1] - scale * old[1]) / 2
    return scale * box[0] + left, scale * box[1] + top, scale * box[2] + left, scale * box[3] + top
