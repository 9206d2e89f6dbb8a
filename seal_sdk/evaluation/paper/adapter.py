"""The weights of the IP-Adapter baseline.

They are given on the command line, because the ControlNet has to fit the structure images of the dataset.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from seal_sdk.errors import ConfigError
from seal_sdk.evaluation.baselines.ip_adapter import ENCODER, FILE, FOLDER, NAME, Adapter, find_adapter
from seal_sdk.evaluation.methods import Method
from seal_sdk.evaluation.paper.weights import here, hub_files

CONTROLNET = "controlnet"
NAMES = (CONTROLNET, NAME)  # as --weights calls them
_FILES = (f"{FOLDER}/{FILE}", f"{FOLDER}/{ENCODER}/config.json", f"{FOLDER}/{ENCODER}/model.safetensors")


def locate_adapter(methods: Sequence[Method], weights: Mapping[str, str], scale: float) -> Adapter | None:
    """The adapter for the baseline, or None if the baseline is not among the methods.

    Args:
        methods: What is compared.
        weights: Name of `NAMES` -> path or hub id.
        scale: Scale of the IP-Adapter, 0 to 1.

    Raises:
        ConfigError: If weights are missing from ``weights``.
        WeightsNotFound: If there are none at the given path or hub id.
    """
    if not any(method.baseline == NAME for method in methods):
        return None
    for name in NAMES:
        if name not in weights:
            raise ConfigError(
                f"{NAME} needs a ControlNet for this kind of structure images, and an IP-Adapter for SDXL: "
                f"--weights {CONTROLNET}=PATH --weights {NAME}=PATH, folders or hub ids such as h94/IP-Adapter."
            )
    here(CONTROLNET, weights[CONTROLNET])
    path = here(NAME, weights[NAME]) or hub_files(NAME, weights[NAME], _FILES)
    return Adapter(weights[CONTROLNET], find_adapter(path), scale)
