"""What the scale of the embedded model's IP-Adapter does, alone and beside its ControlNet, for choosing it.

    python tests/benchmarks/adapter_scales.py --seeds 400000:400012 --scales 0.4,0.6,0.8,1.0

Questions are those of `seal bench quality --kinds mesh --conflicts color`. Prints a table, one line for each scale and baseline.
"""

from __future__ import annotations

import argparse
from functools import partial

from seal_sdk.evaluation import measure_quality, parse_methods
from seal_sdk.evaluation.baselines import BASELINES
from seal_sdk.evaluation.baselines.controlnet_ip_adapter import Adapter, ControlNetPipeline
from seal_sdk.evaluation.baselines.ip_adapter import IpAdapter
from seal_sdk.evaluation.tasks.quality import Setup
from seal_sdk.pocket import CONTROLNET_FOLDER, IP_ADAPTER_FILE, IP_ADAPTER_FOLDER

WEIGHTS = IP_ADAPTER_FOLDER / IP_ADAPTER_FILE
SHOWN = "subject_error", "subject_color_error", "part_color_error", "structure_iou", "scene_error"
CONFLICTS = "color_followed", "color_success"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="400000:400012")
    parser.add_argument("--scales", default="0.4,0.6,0.8,1.0")
    given = parser.parse_args()
    seeds, methods = range(*map(int, given.seeds.split(":"))), parse_methods("ip-adapter,controlnet+ip-adapter")
    print(f"| scale | baseline | {' | '.join(SHOWN + CONFLICTS)} |\n{'|---' * (2 + len(SHOWN + CONFLICTS))}|")
    for scale in map(float, given.scales.split(",")):
        both = Adapter(str(CONTROLNET_FOLDER), WEIGHTS, scale)
        BASELINES["ip-adapter"] = partial(IpAdapter, weights=WEIGHTS, scale=scale)
        BASELINES["controlnet+ip-adapter"] = partial(ControlNetPipeline, adapter=both)
        summary = measure_quality(
            seeds, methods, kinds=("mesh",), conflict_methods=methods, setup=Setup(subject="pocket")
        ).summary()
        for name, values in summary["methods"].items():
            asked = summary["conflicts"]["methods"][name]
            figures = [values[each]["mean"] for each in SHOWN] + [asked[each]["mean"] for each in CONFLICTS]
            print(f"| {scale} | {name} | {' | '.join(f'{each:.2f}' for each in figures)} |", flush=True)


if __name__ == "__main__":
    main()
