"""Training and export of Pocket's ControlNet and IP-Adapter."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from diffusers import ControlNetModel, StableDiffusionXLControlNetPipeline, StableDiffusionXLPipeline
from PIL import Image

from seal_sdk.pocket import IP_ADAPTER_FILE, PIPELINE_FOLDER, world
from seal_sdk.pocket.design import SHIPPED
from seal_sdk.pocket.train import controlnet, data, image_encoder
from seal_sdk.pocket.train.controlnet import structure_pixels, train_controlnet
from seal_sdk.pocket.train.data import render_set
from seal_sdk.pocket.train.export import export_controls
from seal_sdk.pocket.train.image_encoder import Looks, LooksReader, train_image_encoder
from seal_sdk.pocket.train.ip_adapter import reference_pixels, train_ip_adapter
from seal_sdk.pocket.train.loop import TrainingConfig, load_ema
from seal_sdk.pocket.train.shipped import start_from_shipped

CPU = torch.device("cpu")
TWO = TrainingConfig(learning_rate=1e-3, batch=4, steps=2)


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "HELD_OUT_IMAGES", 4)
        render_set(folder, 30, 1)
        start_from_shipped(folder)
        shape = (30, SHIPPED.latent_channels, 32, 32)
        np.save(folder / "latents.npy", np.random.default_rng(0).standard_normal(shape).astype(np.float16))
        train_controlnet(folder, TWO, CPU)
        train_image_encoder(folder, TWO, CPU)
        train_ip_adapter(folder, TWO, CPU)
    return folder


def test_diffusers_loads_what_was_trained(run_folder, tmp_path):
    export_controls(run_folder, tmp_path)
    pipe = StableDiffusionXLPipeline.from_pretrained(PIPELINE_FOLDER)
    net = ControlNetModel.from_pretrained(tmp_path / "controlnet")
    both = StableDiffusionXLControlNetPipeline(**pipe.components, controlnet=net)
    both.set_progress_bar_config(disable=True)
    both.load_ip_adapter(str(tmp_path / "ip_adapter"), subfolder="", weight_name=IP_ADAPTER_FILE)
    image = world.render(*(getattr(world.sample(1), name) for name in ("identity", "pose", "scene"))).image / 255

    def draw(reference):
        return both(
            "a photo of a cat",
            image=torch.from_numpy(image).permute(2, 0, 1)[None].float(),
            ip_adapter_image=reference,
            num_inference_steps=1,
            generator=torch.Generator().manual_seed(0),
            output_type="np",
        ).images

    shown, nothing = Image.fromarray((image * 255).astype(np.uint8)), Image.new("RGB", (128, 128))
    assert draw(shown).shape == (1, 128, 128, 3) and not np.array_equal(draw(shown), draw(nothing))


def test_only_the_new_parts_learn(run_folder):
    trained = load_ema(run_folder / "ip-adapter.pt")
    assert {name.partition(".")[0] for name in trained} == {"encoder", "projection", "attention"}
    start = load_ema(run_folder / "image-encoder.pt")
    encoder = {name: tensor for name, tensor in trained.items() if name.startswith("encoder.")}
    moved = max(float((tensor - start[name]).abs().max()) for name, tensor in encoder.items())
    assert 0 < moved < 1e-2  # it goes on where the image encoder's own training ended


def test_looks_are_read_where_they_can_be_seen():
    plain = world.Identity("cat", (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    person = world.Identity("person", (0.5, 0.5, 0.5), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0), pattern="striped")
    looks = Looks.of([plain, person])
    assert looks.species.tolist() == [0, 4] and looks.pattern.tolist() == [0, 1]
    assert looks.visible.tolist() == [[True, False, True, False, False], [True] * 5]
    sure = 50.0 * torch.nn.functional.one_hot(looks.species, 5), 50.0 * torch.nn.functional.one_hot(looks.pattern, 5)
    unseen = looks.colors.clone()
    unseen[0, 1] += 1  # nobody can see the second colour of a plain cat
    assert float(looks.loss(*sure, unseen)) < 1e-6
    seen = looks.colors.clone()
    seen[1, 1] += 1
    assert float(looks.loss(*sure, seen)) == pytest.approx(20 * 1 / 7, rel=1e-4)


def test_the_reader_learns_what_it_is_shown():
    torch.manual_seed(0)
    model, looks = LooksReader(), Looks.of([world.sample(seed).identity for seed in range(8)])
    photos = [world.render(each.identity, each.pose, each.scene).image for each in map(world.sample, range(8))]
    pixels = image_encoder.normalized(np.stack(photos))
    optimizer, losses = torch.optim.AdamW(model.parameters(), 1e-3), []
    for _ in range(30):
        loss = looks.loss(*model(pixels))
        losses.append(float(loss.detach()))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses[-1] < 0.4 * losses[0]


def test_the_reference_is_another_photo_of_the_subject_and_the_structure_is_its_own():
    drawn = world.sample(3)
    photo = image_encoder.normalized(world.render(drawn.identity, drawn.pose, drawn.scene).image[None])[0]
    first, second = (reference_pixels(3, np.random.default_rng(seed)) for seed in (0, 1))
    assert first.shape == (3, 128, 128) and not torch.equal(first, second) and not torch.equal(first, photo)
    kinds = [world.render(drawn.identity, drawn.pose, drawn.scene, kind=kind).image for kind in controlnet.KINDS]
    structure = (structure_pixels(3, np.random.default_rng(0)).permute(1, 2, 0) * 255).round().byte().numpy()
    assert any(np.array_equal(structure, each) for each in kinds)
