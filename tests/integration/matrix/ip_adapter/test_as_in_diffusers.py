"""With the method off, IP-Adapters draw what plain diffusers draws."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from fixtures import ip_adapter, tiny_sd15
from fixtures.image_prompts import EVERY, FACE, HOW, OFF, STEPS, A, B, C, masks, numbers

from seal_sdk import IdentitySession

CASES = {
    "image": (["plain"], None, dict(ip_adapter_image=A)),
    "no-guidance": (["plain"], None, dict(ip_adapter_image=A, guidance_scale=1.0)),
    "scale": (["plain"], 0.4, dict(ip_adapter_image=A)),
    "scale-per-block": (["plain"], {"up": {"block_0": [0.0, 1.0]}}, dict(ip_adapter_image=A)),
    "several-images": (["plain"], None, dict(ip_adapter_image=[[A, B]])),
    "pixels": (["plain"], None, dict(ip_adapter_image=[numbers(1, 3, 32, 32)])),
    "embeds": (["plain"], None, dict(ip_adapter_image_embeds=[numbers(2, 3, ip_adapter.PROJECTED)])),
    "embeds-no-guidance": (
        ["plain"],
        None,
        dict(ip_adapter_image_embeds=[numbers(1, 1, ip_adapter.PROJECTED)], guidance_scale=1.0),
    ),
    "plus": (["plus"], 0.7, dict(ip_adapter_image=A)),
    "plus-embeds": (
        ["plus"],
        None,
        dict(ip_adapter_image_embeds=[numbers(2, 1, ip_adapter.TOKENS, ip_adapter.HIDDEN)]),
    ),
    "full": (["full"], None, dict(ip_adapter_image=A)),
    "face-id": (["face-id"], None, dict(ip_adapter_image_embeds=[FACE])),
    "two": (["plain", "plus"], [0.3, 0.8], dict(ip_adapter_image=[A, [B, C]])),
    "masks": (
        ["plain"],
        [[0.7, 0.4]],
        dict(ip_adapter_image=[[A, B]], cross_attention_kwargs={"ip_adapter_masks": masks(2)}),
    ),
    "masks-of-two": (
        ["plain", "plain"],
        None,
        dict(ip_adapter_image=[A, B], cross_attention_kwargs={"ip_adapter_masks": [masks(1)[0], None]}),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_with_the_method_off_it_is_plain_diffusers(session, pipe, name):
    kinds, scale, given = CASES[name]
    ip_adapter.load(pipe, *kinds)
    if scale is not None:
        pipe.set_ip_adapter_scale(scale)
    given = STEPS | given | dict(output_type="np")
    ours = session.generate(None, "a cat", negative_prompt="a dog", seed=3, **given, **OFF)
    theirs = pipe("a cat", negative_prompt="a dog", generator=torch.Generator().manual_seed(3), **given)
    assert np.array_equal(ours.image, theirs.images[0])
    pipe.set_ip_adapter_scale([0.0] * len(kinds))
    unmasked = {key: value for key, value in given.items() if key != "cross_attention_kwargs"}
    without = session.generate(None, "a cat", negative_prompt="a dog", seed=3, **unmasked, **OFF)
    assert not np.allclose(ours.image, without.image, atol=1e-3)  # the images do count


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bf16", "fp16"])
def test_half_precision_equals_diffusers_and_draws_an_identity(pipe, tmp_path, reference, dtype):
    pipe.to(dtype=dtype)
    ip_adapter.load(pipe, "plain")
    given = STEPS | dict(num_inference_steps=1, output_type="latent", ip_adapter_image=A)  # the VAE is slow
    with IdentitySession(pipe, store=tmp_path, enable_progress_bar=False) as session:
        ours = session.generate(None, "a cat", seed=3, **given, **OFF)
        theirs = pipe("a cat", generator=torch.Generator().manual_seed(3), **given)
        assert torch.equal(ours.image, theirs.images[0])
        session.register(reference, **HOW | dict(timesteps=1))
        assert session.generate(None, "a red cat", seed=3, appearance=EVERY, **given).coverage[0] > 0.5


def test_stable_diffusion_1_5_takes_one_too(tiny_tokenizer, tmp_path, reference):
    pipe = tiny_sd15.pipeline(tiny_tokenizer)
    pipe.set_progress_bar_config(disable=True)
    ip_adapter.load(pipe, "plain")  # before the session is opened
    given = STEPS | dict(output_type="np", ip_adapter_image=A)
    with IdentitySession(pipe, store=tmp_path, enable_progress_bar=False) as session:
        ours = session.generate(None, "a cat", seed=3, **given, **OFF)
        theirs = pipe("a cat", generator=torch.Generator().manual_seed(3), **given)
        assert np.array_equal(ours.image, theirs.images[0])
        session.register(reference, **HOW)
        assert session.generate(None, "a red cat", seed=3, appearance=EVERY, **given).coverage[0] > 0.5
