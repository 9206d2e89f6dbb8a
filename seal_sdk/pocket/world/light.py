"""The light on a body: it comes from the upper left."""

from __future__ import annotations

import numpy as np

_LIGHT = np.array((-0.45, 0.6, 0.66), np.float32)  # from the upper left, towards the viewer


def lambert(nx: np.ndarray, ny: np.ndarray) -> np.ndarray:
    """Return Lambert shading (n,) in [0, 1] of surfaces with these normals, in the picture's axes."""
    nz = np.sqrt(np.maximum(1.0 - nx * nx - ny * ny, 0.0))
    light: np.ndarray = np.clip(_LIGHT[0] * nx + _LIGHT[1] * ny + _LIGHT[2] * nz, 0.0, 1.0)
    return light
