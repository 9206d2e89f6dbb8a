"""Pocket's subject segmenter: a very small Sam, built of segment-anything's own classes."""

from __future__ import annotations

import hashlib
from functools import partial

from safetensors.torch import load_file
from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, Sam, TwoWayTransformer
from torch import nn

from seal_sdk.errors import WeightsNotFound
from seal_sdk.pocket import IMAGE_SIZE, SAM_WEIGHTS

PATCH = 8  # pixels
WIDTH = 64  # channels of the image embedding


def build_sam() -> Sam:
    """Build a Sam for 128 px images: four ViT layers over 16x16 patches, masks of 64x64."""
    grid = (IMAGE_SIZE // PATCH, IMAGE_SIZE // PATCH)
    return Sam(
        ImageEncoderViT(
            img_size=IMAGE_SIZE,
            patch_size=PATCH,
            embed_dim=96,
            depth=4,
            num_heads=4,
            mlp_ratio=4,
            out_chans=WIDTH,
            qkv_bias=True,
            norm_layer=partial(nn.LayerNorm, eps=1e-6),
            use_rel_pos=True,
            window_size=0,
            global_attn_indexes=(),
        ),
        PromptEncoder(
            embed_dim=WIDTH, image_embedding_size=grid, input_image_size=(IMAGE_SIZE, IMAGE_SIZE), mask_in_chans=8
        ),
        MaskDecoder(
            num_multimask_outputs=3,
            transformer=TwoWayTransformer(depth=2, embedding_dim=WIDTH, mlp_dim=256, num_heads=4),
            transformer_dim=WIDTH,
            iou_head_depth=2,
            iou_head_hidden_dim=WIDTH,
        ),
        pixel_mean=[127.5] * 3,
        pixel_std=[64.0] * 3,
    )


def load_pocket_sam() -> Sam:
    """Load the embedded Sam with its trained weights, in fp32.

    Raises:
        WeightsNotFound: If the package was installed without its assets.
    """
    _check_assets()
    sam = build_sam()
    sam.load_state_dict({name: tensor.float() for name, tensor in load_file(SAM_WEIGHTS).items()})
    return sam.eval()


def pocket_sam_digest() -> str:
    """Return the first 16 hexadecimal digits of the weights' SHA-256, for cache keys.

    Raises:
        WeightsNotFound: If the package was installed without its assets.
    """
    _check_assets()
    return hashlib.sha256(SAM_WEIGHTS.read_bytes()).hexdigest()[:16]


def _check_assets() -> None:
    if not SAM_WEIGHTS.is_file():
        raise WeightsNotFound(
            f"The embedded model's {SAM_WEIGHTS.name} is missing: reinstall seal-sdk with its assets."
        )
