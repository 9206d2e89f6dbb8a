"""Identities beside IP-Adapters, on which they do not depend."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from fixtures import ip_adapter
from fixtures.image_prompts import BOX, HOW, STEPS, A, B, C, masks, numbers

from seal_sdk import DeltaBridge
from seal_sdk.backbone.capture import capture
from seal_sdk.callbacks import Callback
from seal_sdk.cli.main import seal


class Note(Callback):
    """Notes whether a registration was a hit."""

    def __init__(self, hits):
        self.hits = hits

    def on_register_end(self, session, identity, hit):
        self.hits.append(hit)


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
