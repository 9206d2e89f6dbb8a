"""Painting a subject's details on its body."""

from __future__ import annotations

import numpy as np

from ..details import PersonDetails
from ..identity import Identity
from ..raster import Raster
from .canvas import Canvas
from .clothes import paint_clothes
from .coat import paint_coat
from .face import Head, paint_beard, paint_brows, paint_face, paint_glasses
from .hair import paint_hair, paint_hat

__all__ = ["paint_details"]


def paint_details(identity: Identity, raster: Raster, at: np.ndarray, colors: np.ndarray, light: np.ndarray) -> None:
    """Paint the identity's details, in place.

    Args:
        identity: Whose details are painted, if it has any.
        raster: Its body.
        at: (n,) flat indices of the points.
        colors: (n, 3) of the points, unlit.
        light: (n,) in [0, 1] on the points. Bare skin is lit as the face that it belongs to.
    """
    details = identity.details
    if details is None:
        return
    canvas = Canvas.of(identity.species, raster, at, colors, light)
    if not isinstance(details, PersonDetails):
        paint_coat(canvas, identity, details)
        return
    head = Head.of(canvas)
    paint_clothes(canvas, identity, details)
    paint_face(canvas, head, identity, details)
    paint_hair(canvas, head, identity, details)
    paint_beard(canvas, head, identity, details)
    if details.hat:
        paint_hat(canvas, head, details.hat)
    paint_brows(canvas, head, identity)
    paint_glasses(canvas, head, details)
