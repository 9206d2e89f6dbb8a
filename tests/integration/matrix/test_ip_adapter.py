"""IP-Adapters beside the method: with the method off they equal plain diffusers, and identities do not depend on them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from diffusers.image_processor import IPAdapterMaskProcessor
from fixtures import ip_adapter, tiny_sd15
from PIL import Image

from seal_sdk import Appearance, DeltaBridge, IdentitySession
from seal_sdk.backbone.capture import capture
from seal_sdk.callbacks import Callback
from seal_sdk.cli.main import seal
from seal_sdk.errors import InputError, UnsupportedModel

BOX = (10.0, 10.0, 50.0, 55.0)
HOW = dict(prompt="a photo of a cat", name="cat", box=BOX, timesteps=2)
OFF = dict(appearance=Appearance(delta=0), delta_bridge=DeltaBridge(strength=0))
STEPS = dict(num_inference_steps=2, guidance_scale=4.0, height=64, width=64)
EVERY = Appearance(tau=-1.0)


def picture(seed, size=(48, 40)):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8))


def numbers(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def masks(*images):
    """One mask per image, the left and the right half in turn."""
    halves = [np.zeros((64, 64), dtype=np.uint8) for _ in range(2)]
    halves[0][:, :32] = halves[1][:, 32:] = 255
    made = IPAdapterMaskProcessor().preprocess([Image.fromarray(each) for each in halves])  # (2, 1, 64, 64)
    return [made[:count].reshape(1, count, 64, 64) for count in images]


class Note(Callback):
    """Notes whether a registration was a hit."""

    def __init__(self, hits):
        self.hits = hits

    def on_register_end(self, session, identity, hit):
        self.hits.append(hit)


@pytest.fixture
def pipe(tiny_pipeline):
    pipe = tiny_pipeline()
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.fixture
def reference(reference_image):
    return reference_image.resize((64, 64))


@pytest.fixture
def mesh(structure_image):
    return structure_image.resize((64, 64))


@pytest.fixture
def session(pipe, tmp_path):
    with IdentitySession(pipe, store=tmp_path / "store", enable_progress_bar=False) as session:
        yield session


A, B, C = picture(1), picture(2), picture(3)
FACE = numbers(2, 1, 1, ip_adapter.FACE)
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


def test_an_identity_is_found_again_with_an_adapter_and_without(session, pipe, reference):
    hits = []
    session.callbacks.append(Note(hits))
    bare = session.register(reference, **HOW)
    ip_adapter.load(pipe, "plain", "plus")
    assert session.register(reference, **HOW).digest == bare.digest
    pipe.unload_ip_adapter()
    assert session.register(reference, **HOW).digest == bare.digest
    assert hits == [False, True, True]


def test_one_that_is_registered_with_an_adapter_draws_without_it(session, pipe, reference):
    ip_adapter.load(pipe, "plain")
    session.register(reference, **HOW)
    pipe.unload_ip_adapter()
    first = session.generate(None, "a red cat", seed=3, **STEPS, output_type="np")
    ip_adapter.load(pipe, "plain")
    seen = session.generate(None, "a red cat", seed=3, **STEPS, output_type="np", ip_adapter_image=A)
    assert not np.allclose(first.image, seen.image, atol=1e-3)
    pipe.unload_ip_adapter()
    again = session.generate(None, "a red cat", seed=3, **STEPS, output_type="np")
    assert np.array_equal(first.image, again.image)


@pytest.mark.parametrize("kind", ["plain", "plus", "face-id-plus"])
def test_keys_and_values_are_those_of_the_unet_without_adapter(session, pipe, kind):
    backbone = session.backbone
    layers = backbone.self_attention_layers(("mid", "up"))

    def captured():
        conditioning = backbone.encode_prompt("a cat", (64, 64))
        return list(capture(backbone, layers, numbers(1, 4, 16, 16), conditioning, [10, 500]))

    before = captured()
    ip_adapter.load(pipe, kind)
    projection = pipe.unet.encoder_hid_proj
    for old, new in zip(before, captured(), strict=True):
        for name, pair in old.items():
            assert all(torch.equal(*each) for each in zip(pair, new[name], strict=True)), name
    assert pipe.unet.encoder_hid_proj is projection


def test_the_adapter_is_back_after_a_capture_that_fails(session, pipe, reference, monkeypatch):
    ip_adapter.load(pipe, "plain")
    projection = pipe.unet.encoder_hid_proj
    monkeypatch.setattr(pipe.unet, "forward", lambda *_, **__: (_ for _ in ()).throw(RuntimeError("full")))
    with pytest.raises(RuntimeError, match="full"):
        session.register(reference, **HOW)
    assert pipe.unet.encoder_hid_proj is projection


def test_a_batch_draws_what_single_calls_draw(session, pipe, reference, mesh):
    ip_adapter.load(pipe, "plain", "plus")
    session.register(reference, **HOW)
    given = dict(
        structure_box=BOX,
        output_type="np",
        ip_adapter_image=[A, [B, C]],
        delta_bridge=DeltaBridge(strength=0.5),
        **STEPS,
    )
    batch = session.generate(mesh, ["a red cat", "a cat on snow"], seed=[3, 4], **given)
    for image, prompt, seed in zip(batch.images, ["a red cat", "a cat on snow"], [3, 4], strict=True):
        assert np.array_equal(image, session.generate(mesh, prompt, seed=seed, **given).image)


def test_the_rows_see_what_they_should(session, pipe, reference, mesh, monkeypatch):
    ip_adapter.load(pipe, "plain")
    session.register(reference, **HOW)
    seen, forward = [], pipe.unet.forward

    def note(*arguments, **named):
        seen.append(named["added_cond_kwargs"]["image_embeds"])
        return forward(*arguments, **named)

    monkeypatch.setattr(pipe.unet, "forward", note)
    embeds = numbers(2, 1, ip_adapter.PROJECTED)
    given = dict(structure_box=BOX, ip_adapter_image_embeds=[embeds], delta_bridge=DeltaBridge(strength=0.5))
    session.generate(mesh, "a red cat", seed=3, **STEPS | dict(num_inference_steps=1), **given)
    negative, positive = embeds
    *readings, ((rows,)) = seen
    assert readings and not any(readings)  # the reference is read for what the prompt changes, without the image prompt
    assert torch.equal(rows, torch.stack([negative, positive, positive, negative]))  # unconditional ... structure


EMBEDS = dict(ip_adapter_image_embeds=[numbers(2, 1, ip_adapter.PROJECTED)])
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


@pytest.fixture
def no_rows(pipe, monkeypatch):
    monkeypatch.setattr(pipe.unet, "forward", lambda *_, **__: pytest.fail("the UNet ran"))


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


def test_the_metadata_say_what_it_saw(session, pipe, tmp_path, reference):
    ip_adapter.load(pipe, "plain")
    pipe.set_ip_adapter_scale(0.4)
    session.register(reference, **HOW)
    given = STEPS | dict(seed=3, ip_adapter_image=[[A, B]])
    drawn = session.generate(None, "a red cat", cross_attention_kwargs={"ip_adapter_masks": masks(2)}, **given)
    other = session.generate(None, "a red cat", cross_attention_kwargs={"ip_adapter_masks": masks(2)}, **given)
    noted, again = drawn.settings[0], other.settings[0]
    assert noted["ip_adapter"]["scale"] == [0.4] and noted["ip_adapter"] == again["ip_adapter"]
    assert [len(digest) for digest in noted["ip_adapter"]["image"][0]] == [64, 64]
    assert len(noted["cross_attention_kwargs"]["ip_adapter_masks"][0]) == 64
    drawn.image.save(tmp_path / "cat.png")
    told = CliRunner().invoke(seal, ["explain", str(tmp_path / "cat.png"), "-o", str(tmp_path / "maps.png")])
    assert told.exit_code and "drawn with an IP-Adapter" in told.output
