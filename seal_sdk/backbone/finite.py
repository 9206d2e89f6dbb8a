"""Half precision can overflow: what is not finite ends in an error that says what to do, and never in a black picture."""

from __future__ import annotations

import torch
from torch import Tensor

from seal_sdk.errors import NumericalError


def check_finite(tensor: Tensor, what: str) -> None:
    """Raise NumericalError, which names what and in which dtype, when the tensor holds NaN or infinity."""
    if not torch.isfinite(tensor).all():
        dtype = str(tensor.dtype).removeprefix("torch.")
        raise NumericalError(
            f"NaN or infinity in {what} ({dtype}). Half precision overflowed or the weights are broken: "
            "try precision='bf16' or 'fp32'."
        )
