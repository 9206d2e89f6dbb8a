"""LoRA: what is loaded, scaled, disabled, fused and unloaded is part of the model, and an identity says which it belongs to."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from seal_sdk import Appearance, DeltaBridge, IdentitySession
from seal_sdk.errors import WrongModel

peft = pytest.importorskip("peft")

BOX = (20.0, 20.0, 100.0, 110.0)
HOW = dict(prompt="a photo of a cat", name="cat", box=BOX, timesteps=1)
STEPS = dict(num_inference_steps=2, guidance_scale=4.0, seed=1)
OFF = dict(appearance=Appearance(delta=0), delta_bridge=DeltaBridge(strength=0))


def add_adapter(pipe, name, seed):
    """A LoRA (or DoRA) of random weights on every self-attention's keys and values."""
    config = peft.LoraConfig(r=2, lora_alpha=2, target_modules=["to_k", "to_v"], use_dora=name == "dora")
    pipe.unet.add_adapter(config, adapter_name=name)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for key, parameter in pipe.unet.named_parameters():
            if f".lora_B.{name}." in key:
                parameter.copy_(0.5 * torch.randn(parameter.shape, generator=generator))


@pytest.fixture
def session(tiny_pipeline, tmp_path):
    with IdentitySession(tiny_pipeline(), store=tmp_path, enable_progress_bar=False) as session:
        session.pipe.set_progress_bar_config(disable=True)
        yield session


@pytest.mark.parametrize("name", ["lora", "dora"])
def test_with_the_method_off_it_is_plain_diffusers(session, name):
    add_adapter(session.pipe, name, 1)
    given = dict(num_inference_steps=2, guidance_scale=4.0, output_type="np")
    ours = session.generate(None, "a cat", seed=3, **given, **OFF)
    theirs = session.pipe("a cat", generator=torch.Generator().manual_seed(3), **given)
    assert np.array_equal(ours.image, theirs.images[0])


def test_every_state_of_adapters_is_a_model_of_its_own(session, reference_image):
    unet, digests, named = session.pipe.unet, {}, {}

    def note(state):
        identity = session.register(reference_image, **HOW)
        digests[state], named[state] = identity.digest, identity.adapters
        session.generate(None, "a red cat", **STEPS)

    note("bare")
    add_adapter(session.pipe, "one", 1)
    with pytest.raises(WrongModel, match="unet"):
        session.generate(None, "a red cat", **STEPS)
    note("one")
    unet.set_adapters(["one"], [0.5])
    note("one at half")
    add_adapter(session.pipe, "two", 2)
    unet.set_adapters(["one", "two"], [1.0, 1.0])
    note("both")
    unet.disable_adapters()
    note("disabled")
    unet.unload_lora()
    note("unloaded")
    add_adapter(session.pipe, "one", 1)
    unet.fuse_lora()
    note("fused")
    assert named == {
        "bare": (),
        "one": ("one",),
        "one at half": ("one",),
        "both": ("one", "two"),
        "disabled": (),
        "unloaded": (),
        "fused": ("one",),
    }
    assert len({digests[state] for state in ("bare", "one", "one at half", "both")}) == 4
    stored = {state: session.store.resolve(digest) for state, digest in digests.items()}
    assert len({str(each.recipe["model"]) for each in stored.values()}) == 6
    assert stored["unloaded"].recipe["model"] == stored["bare"].recipe["model"]
