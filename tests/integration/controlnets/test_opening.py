"""What a session is opened with: modules, lists, folders, diffusers' classes, pipelines with nets of their own."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from diffusers import (
    MultiAdapter,
    MultiControlNetModel,
    StableDiffusionXLAdapterPipeline,
    StableDiffusionXLControlNetPipeline,
    StableDiffusionXLControlNetUnionPipeline,
)
from diffusers.models.controlnets.multicontrolnet_union import MultiControlNetUnionModel
from fixtures import tiny_control, tiny_sd15
from fixtures.control_calls import BOX, CONTROL, FAST, ours
from fixtures.pipeline_states import with_unet

from seal_sdk import IdentitySession
from seal_sdk.errors import ConfigError, SealError, WeightsNotFound

OWN = {
    "one": (StableDiffusionXLControlNetPipeline, "controlnet", dict()),
    "two": (StableDiffusionXLControlNetPipeline, "controlnet", dict()),
    "union": (StableDiffusionXLControlNetUnionPipeline, "controlnet", dict(control_mode=[1])),
    "t2i": (StableDiffusionXLAdapterPipeline, "adapter", dict()),
}


@pytest.mark.parametrize("kind", OWN)
def test_a_pipeline_brings_its_own(tiny_pipeline, tmp_path, nets, images, reference_image, kind):
    make, name, arguments = OWN[kind]
    pipe = make(**tiny_pipeline().components, **{name: nets(kind)})
    if hasattr(pipe, "watermark"):
        pipe.watermark = None
    with IdentitySession(pipe, store=tmp_path, structure=CONTROL, enable_progress_bar=False) as session:
        assert session.backbone.controlnet is getattr(pipe, name)
        drawn = ours(session, images if kind == "two" else images[0], **arguments)
        image = list(images) if kind == "two" else images[0]
        assert np.array_equal(drawn.image, plain_of(pipe, image, **arguments))
        session.register(reference_image, prompt="a photo of a cat", name="cat", box=BOX, timesteps=1)
    other = tiny_control.controlnet(pipe.unet, 7)
    with IdentitySession(pipe, store=tmp_path, controlnet=other, enable_progress_bar=False) as session:
        assert session.backbone.controlnet is other


def plain_of(pipe, image, **arguments):
    pipe.set_progress_bar_config(disable=True)
    name = "control_image" if "Union" in type(pipe).__name__ else "image"
    return pipe("a cat", generator=torch.Generator().manual_seed(1), **{name: image}, **FAST, **arguments).images[0]


@pytest.mark.parametrize(
    "kind, wrap",
    [("two", MultiControlNetModel), ("two unions", MultiControlNetUnionModel), ("two t2i", MultiAdapter)],
)
def test_diffusers_classes_of_several_are_taken(open_session, nets, images, kind, wrap):
    several = wrap(nets(kind))
    session = open_session(kind, controlnet=several)
    assert session.backbone.controlnet is several
    how = dict(control_mode=[0, 1]) if kind == "two unions" else {}
    listed = open_session(kind)
    assert isinstance(listed.backbone.controlnet, wrap)
    assert np.array_equal(ours(session, images, **how).image, ours(listed, images, **how).image)


@pytest.mark.parametrize("kind", ["two", "two unions", "two t2i"])
def test_folders_are_read_by_what_they_hold(open_session, nets, images, tmp_path, kind):
    folders = [tmp_path / "first", tmp_path / "second"]
    for net, folder in zip(nets(kind), folders, strict=True):
        net.save_pretrained(folder)
    how = dict(control_mode=[0, 1]) if kind == "two unions" else {}
    assert np.array_equal(
        ours(open_session(kind, controlnet=folders), images, **how).image,
        ours(open_session(kind), images, **how).image,
    )
    loaded = open_session(kind, controlnet=str(folders[0])).backbone.controlnet
    assert type(loaded) is type(nets(kind)[0])


def test_early_configurations_of_unions_are_known(open_session, nets, tmp_path):
    nets("union").save_pretrained(tmp_path / "union")
    path = tmp_path / "union" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "_class_name": "ControlNetModel_Union"}))
    assert (
        type(open_session("one", controlnet=tmp_path / "union").backbone.controlnet).__name__ == "ControlNetUnionModel"
    )
    path.write_text(json.dumps({"_class_name": "FluxControlNetModel"}))
    with pytest.raises(ConfigError, match="is a FluxControlNetModel: expected a ControlNetModel"):
        open_session("one", controlnet=tmp_path / "union")
    with pytest.raises(WeightsNotFound, match="nothing"):
        open_session("one", controlnet=[str(tmp_path / "nothing")])


@pytest.mark.parametrize(
    "make, told",
    [
        (lambda unet: [], "a list of nothing"),
        (lambda unet: [tiny_control.controlnet(unet), tiny_control.union(unet)], "ControlNetModel, ControlNetUnionM"),
        (lambda unet: [torch.nn.Identity()], "a list of Identity"),
        (lambda unet: torch.nn.Identity(), "is a Identity: expected a ControlNetModel"),
        (lambda unet: tiny_control.controlnet(unet).half(), "in float16 and the model in float32"),
        (lambda unet: tiny_control.controlnet(unet, conditioning_channels=4), "images of 4 channels"),
    ],
    ids=["nothing", "mixed", "list of others", "other", "half", "channels"],
)
def test_what_is_no_control_is_refused_when_the_session_opens(tiny_pipeline, tmp_path, make, told):
    pipe = tiny_pipeline()
    with pytest.raises(ConfigError, match=told):
        IdentitySession(pipe, store=tmp_path, controlnet=make(pipe.unet))


def test_nets_of_another_model_are_refused(tiny_pipeline, tiny_tokenizer, tmp_path, images):
    foreign = tiny_control.controlnet(tiny_sd15.pipeline(tiny_tokenizer).unet)
    with pytest.raises(ConfigError, match="made for another model"):
        IdentitySession(tiny_pipeline(), store=tmp_path, controlnet=foreign)
    shallow = with_unet(tiny_pipeline(), layers_per_block=2)
    with pytest.raises(ConfigError, match="made for another model"):
        IdentitySession(shallow, store=tmp_path, controlnet=tiny_control.controlnet(tiny_pipeline().unet))
    adapter, rows = tiny_control.t2i_adapter(channels=(32, 64, 32)), []
    with IdentitySession(tiny_pipeline(), store=tmp_path, controlnet=adapter, structure=CONTROL) as session:
        session.pipe.unet.register_forward_pre_hook(lambda *_: rows.append(1))
        with pytest.raises(SealError, match="T2I-Adapter for another model"):
            ours(session, images[0])
        assert not rows
