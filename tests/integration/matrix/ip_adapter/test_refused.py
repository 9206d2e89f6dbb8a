"""Image prompts that do not fit the IP-Adapters are refused before any work."""

from __future__ import annotations

import pytest
from fixtures import ip_adapter
from fixtures.image_prompts import EMBEDS, FACE, OFF, STEPS, A, B, masks, numbers

from seal_sdk.errors import InputError, UnsupportedModel

REFUSED = {
    "nothing": (["plain"], {}, r"ip_adapter_image=.*pipe\.unload_ip_adapter\(\)"),
    "no-adapter": ([], dict(ip_adapter_image=A), "ip_adapter_image= is given, but no IP-Adapter is loaded"),
    "both": (["plain"], dict(ip_adapter_image=A, **EMBEDS), "not both"),
    "number": (["plain"], dict(ip_adapter_image=[A, B]), r"has 2 entries, and 1 IP-Adapter.*a list in the list"),
    "number-of-embeds": (["plain", "plain"], EMBEDS, "has 1 entries, and 2 IP-Adapter"),
    "empty": (["plain"], dict(ip_adapter_image=[[]]), "at least one image"),
    "no-list": (["plain"], dict(ip_adapter_image_embeds=numbers(2, 1, 32)), "expected a list"),
    "no-image": (["plain"], dict(ip_adapter_image=7), "expected a path"),
    "width": (["plain"], dict(ip_adapter_image_embeds=[numbers(2, 1, 31)]), r"\(2, 1, 31\).*\(2, n, 32\)"),
    "tokens": (["plus"], dict(ip_adapter_image_embeds=[numbers(2, 1, 48)]), r"\(2, n, T, 48\)"),
    "rows": (["plain"], dict(ip_adapter_image_embeds=[numbers(4, 1, 32)]), r"\(4, 1, 32\)"),
    "no-negative": (["plain"], dict(ip_adapter_image_embeds=[numbers(1, 1, 32)]), "zeros_like"),
    "infinite": (["plain"], dict(ip_adapter_image_embeds=[numbers(2, 1, 32) / 0]), "finite"),
    "pixels": (["plain"], dict(ip_adapter_image=[numbers(1, 3, 16, 16)]), r"\(n, 3, 32, 32\)"),
    "face": (["face-id"], dict(ip_adapter_image=A), "face embeddings"),
    "masks-alone": ([], dict(cross_attention_kwargs={"ip_adapter_masks": masks(1)}), "no IP-Adapter is loaded"),
    "masks-number": (
        ["plain"],
        dict(ip_adapter_image=[[A, B]], cross_attention_kwargs={"ip_adapter_masks": masks(1)}),
        r"\(1, 2, H, W\)",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_refused_before_any_work(session, pipe, name, no_rows):
    kinds, given, told = REFUSED[name]
    if kinds:
        ip_adapter.load(pipe, *kinds)
    with pytest.raises(InputError, match=told):
        session.generate(None, "a cat", seed=3, **STEPS, **given, **OFF)


def test_without_an_image_encoder_only_embeddings_are_taken(session, pipe):
    ip_adapter.load(pipe, "plain")
    pipe.image_encoder = None
    with pytest.raises(InputError, match=r"image_encoder_folder.*ip_adapter_image_embeds"):
        session.generate(None, "a cat", ip_adapter_image=A, **STEPS, **OFF)
    session.generate(None, "a cat", **EMBEDS, **STEPS, **OFF)


def test_an_encoder_of_another_adapter_is_refused(session, pipe, no_rows):
    ip_adapter.load(pipe, "plain")
    pipe.image_encoder.config.projection_dim = 24
    with pytest.raises(InputError, match="gives 24 numbers"):
        session.generate(None, "a cat", ip_adapter_image=A, **STEPS, **OFF)


def test_scales_of_single_images_need_their_masks(session, pipe, no_rows):
    ip_adapter.load(pipe, "plain")
    pipe.set_ip_adapter_scale([[0.7, 0.4]])
    with pytest.raises(InputError, match=r"2 scales.*ip_adapter_masks"):
        session.generate(None, "a cat", ip_adapter_image=[[A, B]], **STEPS, **OFF)


def test_face_id_plus_is_refused(session, pipe, no_rows):
    ip_adapter.load(pipe, "face-id-plus")
    with pytest.raises(UnsupportedModel, match=r"IPAdapterFaceIDPlus.*pipe\.unload_ip_adapter\(\)"):
        session.generate(None, "a cat", ip_adapter_image_embeds=[FACE], **STEPS, **OFF)
