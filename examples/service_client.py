"""Register a subject with a service, and draw it: with the openai package where it is installed, else with requests.

Start the service first: seal serve --model pocket

    python examples/service_client.py [--url http://127.0.0.1:8000] [--token TOKEN] [--out example.png]
"""

from __future__ import annotations

import argparse
import base64
import io
from pathlib import Path

import requests
from PIL import Image

from seal_sdk.pocket import world

HELD_OUT = 500_000  # a subject that the embedded model has not seen


def reference() -> tuple[bytes, str]:
    """A photo of a subject as a PNG, and what it shows."""
    sample = world.sample(HELD_OUT)
    buffer = io.BytesIO()
    Image.fromarray(world.render(sample.identity, sample.pose, sample.scene).image).save(buffer, "PNG")
    return buffer.getvalue(), f"a photo of a {sample.identity.species}"


def draw(url: str, token: str, prompt: str, options: dict[str, object]) -> str:
    """A picture in base64. options: the service's own fields, beside OpenAI's."""
    try:
        import openai
    except ImportError:
        headers = {"Authorization": f"Bearer {token}"}
        answer = requests.post(
            f"{url}/v1/images/generations", headers=headers, json={"prompt": prompt, **options}, timeout=600
        )
        answer.raise_for_status()
        return str(answer.json()["data"][0]["b64_json"])
    with openai.OpenAI(base_url=f"{url}/v1", api_key=token) as client:
        images = client.images.generate(prompt=prompt, extra_body=options)
        return str(images.data[0].b64_json)


def main() -> None:
    """Register, draw, and write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--token", default="none", help="Of the service; any text where it asks for none.")
    parser.add_argument("--out", type=Path, default=Path("example.png"))
    parser.add_argument("--steps", type=int, default=20)
    arguments = parser.parse_args()

    image, shows = reference()
    registered = requests.post(
        f"{arguments.url}/v1/identities",
        headers={"Authorization": f"Bearer {arguments.token}"},
        files={"image": image},
        data={"name": "example", "prompt": shows},
        timeout=600,
    )
    registered.raise_for_status()
    options = {"identity": "example", "seed": 1, "num_inference_steps": arguments.steps}
    picture = draw(arguments.url, arguments.token, f"{shows} on snow", options)
    arguments.out.write_bytes(base64.b64decode(picture))
    print(f"{arguments.out}: {shows} on snow")


if __name__ == "__main__":
    main()
