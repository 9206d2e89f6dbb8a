"""The embedded segmenter."""

from __future__ import annotations

import numpy as np
import torch

from seal_sdk.pocket.sam import build_sam


def test_sam_is_segment_anythings_own(reference_image):
    sam = build_sam()
    image = torch.as_tensor(np.asarray(reference_image.convert("RGB"))).permute(2, 0, 1).float()
    point = (torch.tensor([[[64.0, 64.0]]]), torch.ones(1, 1))
    asked = [{"image": image, "original_size": (128, 128), "point_coords": point[0], "point_labels": point[1]}]
    with torch.no_grad():
        assert sam(asked, multimask_output=True)[0]["masks"].shape == (1, 3, 128, 128)
