"""Single-file checkpoints: what their diffusers folder draws, bit for bit, or words that say what the file lacks."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from fixtures import single_file, tiny_sd15
from PIL import Image
from safetensors.torch import load_file, save_file

from seal_sdk import Appearance, DeltaBridge, IdentitySession
from seal_sdk.cli.main import seal
from seal_sdk.errors import ConfigError, UnsupportedModel, WeightsNotFound

BOX = (20.0, 20.0, 100.0, 110.0)
STEPS = dict(num_inference_steps=1, guidance_scale=4.0, height=64, width=64)


@dataclass(frozen=True)
class Both:
    """One model twice: its diffusers folder and its single file."""

    folder: Path
    file: Path


@pytest.fixture(scope="module")
def models(tiny_tokenizer, tmp_path_factory):
    """Each family's model, made once."""

    @cache
    def make(name):
        root = tmp_path_factory.mktemp(name)
        pipe = {"sdxl": single_file, "sd15": tiny_sd15}[name].pipeline(tiny_tokenizer)
        pipe.save_pretrained(root / "folder")
        return Both(root / "folder", single_file.write(pipe, root / "model.safetensors"))

    return make


@pytest.fixture
def both(models, request):
    return models(request.param)


@pytest.fixture
def sdxl(models):
    return models("sdxl")


def realign(session):
    """Give all weights memory of their own: where they lie in a file changes the last bits of what CPUs compute, in diffusers too."""
    for part in session.backbone.modules:
        for parameter in part.parameters():
            parameter.data = parameter.data.clone()


def drawn(session, reference, structure):
    """Register the reference as the cat and draw it."""
    realign(session)
    session.register(reference, prompt="a photo of a cat", name="cat", box=BOX, timesteps=1)
    given = dict(structure_box=BOX, seed=3, output_type="np", appearance=Appearance(tau=-1.0))
    return session.generate(structure, "a red cat", **given, **STEPS)


def changed(both, tmp_path, change):
    """The file with its weights changed."""
    weights = load_file(both.file)
    change(weights)
    save_file(weights, tmp_path / "changed.safetensors")
    return tmp_path / "changed.safetensors"


def without(prefix):
    def change(weights):
        for name in [name for name in weights if name.startswith(prefix)]:
            del weights[name]

    return change


@pytest.mark.parametrize(
    ("both", "precision"),
    [("sdxl", "fp32"), ("sdxl", "bf16"), ("sdxl", "fp16"), ("sd15", "fp32")],
    indirect=["both"],
)
def test_it_draws_what_its_folder_draws(both, tmp_path, reference_image, structure_image, precision):
    how = dict(accelerator="cpu", precision=precision, enable_progress_bar=False)
    with IdentitySession(both.folder, store=tmp_path / "store", **how) as session:
        theirs = drawn(session, reference_image, structure_image)
        cat = session.identities["cat"]
    with IdentitySession(both.file, config=both.folder, store=tmp_path / "other", **how) as session:
        ours = drawn(session, reference_image, structure_image)
        assert session.identities["cat"].stored.recipe == cat.stored.recipe
        assert session.backbone.name == "model.safetensors"
    with IdentitySession(both.file, config=both.folder, store=tmp_path / "store", **how) as session:
        assert session.register(reference_image, prompt="a photo of a cat", box=BOX, timesteps=1).digest == cat.digest
    assert np.isfinite(ours.image).all() and ours.coverage == [1.0]
    assert np.array_equal(ours.image, theirs.image)


@pytest.mark.parametrize("both", ["sdxl", "sd15"], indirect=True)
def test_with_the_method_off_it_is_plain_diffusers(both, tmp_path):
    how = dict(config=both.folder, store=tmp_path / "store", accelerator="cpu", enable_progress_bar=False)
    off = dict(appearance=Appearance(delta=0), delta_bridge=DeltaBridge(strength=0))
    with IdentitySession(both.file, **how) as session:
        ours = session.generate(None, "a cat", seed=7, output_type="np", **STEPS, **off)
        plain = type(session.pipe).from_single_file(str(both.file), config=str(both.folder))
    plain.set_progress_bar_config(disable=True)
    theirs = plain("a cat", generator=torch.Generator().manual_seed(7), output_type="np", **STEPS)
    assert np.array_equal(ours.image, theirs.images[0])


def test_fp16_weights_are_loaded_as_the_precision_says(sdxl, tmp_path):
    def halve(weights):
        weights |= {name: tensor.half() for name, tensor in weights.items()}

    half = changed(sdxl, tmp_path, halve)
    how = dict(config=sdxl.folder, store=tmp_path / "store", accelerator="cpu", enable_progress_bar=False)
    with IdentitySession(half, precision="fp16", **how) as session:
        stored = {**session.pipe.unet.state_dict()}
        assert {each.dtype for each in stored.values()} == {torch.float16}
    with IdentitySession(half, precision="fp32", **how) as session:
        loaded = session.pipe.unet.state_dict()
    with IdentitySession(sdxl.file, precision="fp16", **how) as session:
        rounded = session.pipe.unet.state_dict()
    assert all(torch.equal(loaded[name], tensor.float()) for name, tensor in stored.items())
    assert all(torch.equal(rounded[name], tensor) for name, tensor in stored.items())


def test_a_fine_tunes_own_vae_is_used(sdxl, tmp_path):
    def louder(weights):
        weights["first_stage_model.decoder.conv_out.bias"] += 1

    how = dict(config=sdxl.folder, store=tmp_path / "store", accelerator="cpu", enable_progress_bar=False)
    with IdentitySession(sdxl.file, **how) as session:
        before = session.backbone.fingerprint()
        bias = session.pipe.vae.decoder.conv_out.bias.detach().clone()
    with IdentitySession(changed(sdxl, tmp_path, louder), **how) as session:
        after = session.backbone.fingerprint()
        assert torch.equal(session.pipe.vae.decoder.conv_out.bias, bias + 1)
    assert {name for name in before if before[name] != after[name]} == {"vae"}


@pytest.mark.parametrize(
    ("prefix", "lacks"),
    [
        ("first_stage_model.", r"the VAE \(first_stage_model\.\* or vae\.\*\)"),
        ("model.diffusion_model.", r"the UNet \(model\.diffusion_model\.\*\)"),
        ("conditioner.", "the first text encoder .* and the second text encoder"),
        ("conditioner.embedders.1.", r"the second text encoder \(conditioner\.embedders\.1\.model\.\*\)"),
        ("model.diffusion_model.output_blocks.5", "it lacks weights that its configuration has"),
        ("first_stage_model.decoder.mid.attn_1.q.", "it lacks weights that its configuration has"),
        ("conditioner.embedders.0.transformer.text_model.final_layer_norm", "2 weights of text_encoder, such as final"),
        ("model.diffusion_model.label_emb.", "label_emb.0.0.weight"),
    ],
)
def test_a_file_that_lacks_something_says_what(sdxl, tmp_path, prefix, lacks):
    file = changed(sdxl, tmp_path, without(prefix))
    with pytest.raises(WeightsNotFound, match=lacks):
        IdentitySession(file, config=sdxl.folder, store=tmp_path / "store", accelerator="cpu")


def test_a_file_that_is_none_says_so(tmp_path):
    (tmp_path / "x.safetensors").write_bytes(b"<html>not found</html>")
    with pytest.raises(WeightsNotFound, match=r"x\.safetensors is no \.safetensors file"):
        IdentitySession(tmp_path / "x.safetensors", store=tmp_path / "store")


def test_without_config_and_hub_the_error_names_config(sdxl, tmp_path, offline):
    with pytest.raises(WeightsNotFound, match=r"reads that from the hub.*give config=, a diffusers folder"):
        IdentitySession(sdxl.file, store=tmp_path / "store", accelerator="cpu")
    with pytest.raises(WeightsNotFound, match="config='some/model' is no folder"):
        IdentitySession(sdxl.file, config="some/model", store=tmp_path / "store", accelerator="cpu")
    with pytest.raises(WeightsNotFound, match=r"config=.*expected the diffusers folder"):
        IdentitySession(sdxl.file, config=tmp_path, store=tmp_path / "store", accelerator="cpu")


@pytest.mark.parametrize("model", ["pocket", "folder", "pipeline"])
def test_config_without_a_single_file_is_refused(sdxl, tmp_path, tiny_pipeline, model):
    chosen = {"pocket": "pocket", "folder": sdxl.folder, "pipeline": tiny_pipeline()}[model]
    with pytest.raises(ConfigError, match=r"config=.* goes with a single .safetensors file"):
        IdentitySession(chosen, config=sdxl.folder, store=tmp_path / "store")


def test_a_file_that_predicts_v_needs_a_configuration_that_says_so(sdxl, tmp_path, tiny_tokenizer):
    def mark(weights):
        weights["v_pred"] = torch.zeros(1)

    file, how = (
        changed(sdxl, tmp_path, mark),
        dict(store=tmp_path / "store", accelerator="cpu", enable_progress_bar=False),
    )
    with pytest.raises(UnsupportedModel, match=r"marked v_pred.*prediction_type='v_prediction'"):
        IdentitySession(file, config=sdxl.folder, **how)
    single_file.pipeline(tiny_tokenizer).save_pretrained(tmp_path / "v")
    scheduler = tmp_path / "v" / "scheduler" / "scheduler_config.json"
    scheduler.write_text(json.dumps(json.loads(scheduler.read_text()) | {"prediction_type": "v_prediction"}))
    with IdentitySession(file, config=tmp_path / "v", **how) as session:
        assert session.pipe.scheduler.config.prediction_type == "v_prediction"


def test_the_command_line_takes_a_config(sdxl, tmp_path, reference_image):
    reference_image.save(tmp_path / "cat.png")
    where = ["--model", str(sdxl.file), "--config", str(sdxl.folder), "--store", str(tmp_path / "store")]

    def run(*words):
        done = CliRunner().invoke(seal, [*words, *where])
        assert done.exit_code == 0, done.output
        return done.output

    run("register", str(tmp_path / "cat.png"), "--name", "cat", "--prompt", "a cat", "--box", "20,20,100,110")
    out = str(tmp_path / "out.png")
    run("generate", "cat", "--prompt", "a red cat", "-o", out, "--steps", "1", "--seed", "1")
    run("explain", out, "-o", str(tmp_path / "maps.png"))
    assert Image.open(out).size == (128, 128) and (tmp_path / "maps.png").is_file()
