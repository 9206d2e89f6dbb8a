"""The weights of the baseline of ControlNet and IP-Adapter.

They are given on the command line, because the ControlNet has to fit the structure images of the dataset.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from seal_sdk.errors import ConfigError
from seal_sdk.evaluation.baselines.adapter_weights import ENCODER, FILE, FOLDER, find_adapter
from seal_sdk.evaluation.baselines.adapter_weights import NAME as IP_ADAPTER
from seal_sdk.evaluation.baselines.controlnet_ip_adapter import NAME, Adapter
from seal_sdk.evaluation.methods import Method
from seal_sdk.evaluation.paper.weights import here, hub_files

CONTROLNET = "controlnet"
NAMES = (CONTROLNET, IP_ADAPTER)  # as --weights calls them
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
                f"--weights {CONTROLNET}=PATH --weights {IP_ADAPTER}=PATH, folders or hub ids such as h94/IP-Adapter."
            )
    here(CONTROLNET, weights[CONTROLNET])
    given = weights[IP_ADAPTER]
    path = here(IP_ADAPTER, given) or hub_files(IP_ADAPTER, given, _FILES)
    return Adapter(weights[CONTROLNET], find_adapter(path), scale)
