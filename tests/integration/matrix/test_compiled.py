"""Compiled UNets: with the method on they draw what they draw uncompiled, and compile once."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from fixtures import ip_adapter, tiny_modular
from fixtures.pipeline_states import compiled, compiled_blocks, compiled_forward, compiled_in_place, small
from PIL import Image

from seal_sdk import Appearance, DeltaBridge, IdentitySession, Structure
from seal_sdk.backbone.sdxl import SDXLBackbone
from seal_sdk.modular import DeltaBridgeGuidance, IdentityBlocks

BOX = (20.0, 20.0, 100.0, 110.0)
HOW = dict(prompt="a photo of a cat", box=BOX, timesteps=1)
OFF = dict(appearance=Appearance(delta=0), delta_bridge=DeltaBridge(strength=0))
STEPS = dict(num_inference_steps=3, guidance_scale=4.0, seed=1, output_type="np", structure_box=BOX)
COMPILED = [compiled_blocks, compiled_in_place, compiled, compiled_forward]


class Backend:
    """A backend that runs the graphs as they are, and keeps them."""

    def __init__(self):
        self.graphs = []

    def __call__(self, graph, inputs):
        self.graphs.append(graph)
        return graph.forward

    @property
    def count(self):
        return len(self.graphs)


@pytest.fixture(autouse=True)
def _forget():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def open_session(pipe, folder):
    pipe.set_progress_bar_config(disable=True)
    return IdentitySession(pipe, store=folder, enable_progress_bar=False, appearance=Appearance(tau=-1.0))


def attributes(model):
    return {name: dict(vars(module)) for name, module in model.named_modules()}


def hook(backbone, hooks, *groups):
    for layer in backbone.self_attention_layers(("mid", "up")):
        if layer.group in groups:
            layer.after("key", hooks, lambda output: None)
            layer.before_output(hooks, lambda output: None)


def test_blocks_draw_what_they_draw_uncompiled_and_nothing_is_compiled_after_the_first_call(
    tiny_pipeline, tmp_path, reference_image, structure_image
):
    backend, drawn = Backend(), []
    for pipe in (small(tiny_pipeline()), compiled_blocks(tiny_pipeline(), backend, fullgraph=True)):
        before = attributes(pipe.unet)
        with open_session(pipe, tmp_path) as session:
            session.register(reference_image, **HOW, name="cat")
            drawn.append(session.generate(structure_image, "a red cat", **STEPS))
            first = backend.count
            session.register(reference_image, **HOW | {"prompt": "a photo of a dog"}, name="dog")
            session.generate(structure_image, "a red dog", **STEPS)  # 4, 3 and 2 rows
            session.generate(structure_image, "a red dog", structure_control=Structure(end=1.0), **STEPS)
            assert backend.count == first
        assert attributes(pipe.unet) == before
    assert first > 0
    assert np.array_equal(drawn[0].image, drawn[1].image) and drawn[1].coverage == [1.0]


def test_a_wholly_compiled_unet_draws_what_it_draws_uncompiled(
    tiny_pipeline, tmp_path, reference_image, structure_image
):
    backend, drawn = Backend(), []
    for pipe in (small(tiny_pipeline()), compiled(tiny_pipeline(), backend)):
        with open_session(pipe, tmp_path) as session:
            session.register(reference_image, **HOW, name="cat")
            drawn.append(session.generate(structure_image, "a red cat", **STEPS).image)
            first = backend.count
            session.generate(structure_image, "a blue cat", **STEPS)
            assert backend.count == first
    assert np.array_equal(*drawn)
    targets = [[str(node.target) for node in graph.graph.nodes] for graph in backend.graphs]
    assert any("scaled_dot_product_attention" in " ".join(each) for each in targets), "cross-attention is compiled"


@pytest.mark.parametrize("how", COMPILED)
def test_what_holds_a_hook_runs_uncompiled_and_what_lies_beside_it_compiled(tiny_pipeline, how):
    pipe = how(tiny_pipeline())
    unet = getattr(pipe.unet, "_orig_mod", pipe.unet)
    before, backbone = attributes(pipe.unet), SDXLBackbone(pipe)
    with backbone.hooks() as hooks:
        hook(backbone, hooks, "mid", "up0")
        running = [name for name, module in unet.named_modules() if module._compiled_call_impl is not None]
        assert unet.forward == type(unet).forward.__get__(unet)
    block = "up_blocks.0.attentions.0.transformer_blocks.0"
    inside = [name for name in running if name.startswith(block)]
    if how is compiled_blocks:
        assert "down_blocks.1.attentions.0.transformer_blocks.0" in running
    else:
        assert {"down_blocks.0", "down_blocks.1", "up_blocks.1", "up_blocks.0.resnets.0"} <= set(running)
    assert inside == [f"{block}.attn2", f"{block}.ff"]
    assert attributes(pipe.unet) == before


def test_after_an_exception_everything_is_compiled_as_before(tiny_pipeline, tmp_path, reference_image):
    pipe = compiled_blocks(tiny_pipeline())
    before = attributes(pipe.unet)
    with open_session(pipe, tmp_path) as session:
        session.register(reference_image, **HOW, name="cat")

        def stop(*_):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            session.generate(None, "a cat", num_inference_steps=2, callback_on_step_end=stop)
    assert attributes(pipe.unet) == before


def test_another_size_compiles_once_more(tiny_pipeline, tmp_path, reference_image, structure_image):
    backend, counts = Backend(), []
    with open_session(compiled_blocks(tiny_pipeline(), backend), tmp_path) as session:
        session.register(reference_image, **HOW, name="cat")
        for height in (128, 160, 192):
            session.generate(structure_image, "a red cat", height=height, **STEPS)
            counts.append(backend.count)
    assert counts[1] == counts[2]


def test_parts_are_not_compiled_where_cuda_graphs_would_take_over_their_outputs(tiny_pipeline):
    pipe = compiled_in_place(tiny_pipeline(), "inductor", mode="reduce-overhead")
    backbone = SDXLBackbone(pipe)
    with backbone.hooks() as hooks:
        hook(backbone, hooks, "mid")
        assert not any(module._compiled_call_impl for module in pipe.unet.modules())
    assert pipe.unet._compiled_call_impl is not None


def test_an_identity_registered_uncompiled_is_found(tiny_pipeline, tmp_path, reference_image):
    with open_session(small(tiny_pipeline()), tmp_path) as session:
        digest = session.register(reference_image, **HOW, name="cat").digest
    with open_session(compiled(tiny_pipeline()), tmp_path) as session:
        assert session.register(reference_image, **HOW, name="cat").digest == digest


def test_with_ip_adapters_it_draws_what_it_draws_uncompiled(tiny_pipeline, tmp_path, reference_image):
    drawn = []
    for is_compiled in (False, True):
        pipe = ip_adapter.load(small(tiny_pipeline()), "plain")
        if is_compiled:
            pipe.unet.compile_repeated_blocks(backend="eager")
        with open_session(pipe, tmp_path) as session:
            session.register(reference_image, **HOW, name="cat")
            given = dict(ip_adapter_image=Image.new("RGB", (40, 30), "navy"), num_inference_steps=2, seed=1)
            drawn.append(session.generate(None, "a red cat", output_type="np", **given).image)
    assert np.array_equal(*drawn)


def test_modular_blocks_draw_what_they_draw_uncompiled(tiny_pipeline, tmp_path, reference_image):
    drawn, backend = [], Backend()
    for pipe in (small(tiny_pipeline()), compiled(tiny_pipeline(), backend)):
        with open_session(pipe, tmp_path) as session:
            cat = session.register(reference_image, **HOW, name="cat")
        blocks = tiny_modular.modular(IdentityBlocks(), pipe, guider=DeltaBridgeGuidance(guidance_scale=4.0))
        given = dict(prompt="a red cat", num_inference_steps=2, generator=torch.Generator().manual_seed(1))
        how = dict(identity=cat, appearance=Appearance(tau=-1.0), output_type="latent", output="latents")
        drawn.append(blocks(**given, **how))
    assert torch.equal(*drawn) and backend.count > 0
    plain = blocks(**given | {"generator": torch.Generator().manual_seed(1)}, output_type="latent", output="latents")
    assert not torch.allclose(drawn[1], plain, atol=1e-3)
