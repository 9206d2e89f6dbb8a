"""Batches draw what single calls draw, and a call leaves the model as it was."""

from __future__ import annotations

import pytest
import torch
from diffusers.guiders import AdaptiveProjectedGuidance
from fixtures.modular_studio import ALL, REGION, seeded

from seal_sdk.modular import DeltaBridgeGuidance


@pytest.mark.parametrize(
    "guider",
    [DeltaBridgeGuidance(4.0, override=0), AdaptiveProjectedGuidance(adaptive_projected_guidance_momentum=-0.5)],
)
def test_a_batch_draws_what_single_calls_draw(studio, guider):
    prompts, identities = ["a red cat", "a dog on snow"], [studio.cat, {studio.cat: REGION}]
    given = dict(guider=guider, appearance=ALL)
    batch = studio.draw(prompt=prompts, identity=identities, seeds=(3, 4), **given)
    for number, seed in enumerate((3, 4)):
        alone = studio.draw(prompt=prompts[number], identity=identities[number], seeds=(seed,), **given)
        assert torch.equal(batch[number : number + 1], alone)
    twice = studio.draw(prompt=prompts[0], identity=identities[0], seeds=(5, 3), num_images_per_prompt=2, **given)
    assert torch.equal(twice[1:], batch[:1])


def test_a_batch_is_decoded_image_by_image(studio):
    given = dict(identity=studio.cat, num_inference_steps=1, output_type="pt", output="images")
    both = studio.modular()(prompt=["a cat", "a dog"], generator=seeded(3, 4), **given)
    alone = studio.modular()(prompt="a dog", generator=seeded(4), **given)
    assert both.shape == (2, 3, 128, 128) and torch.equal(both[1:], alone)


def test_a_reader_remembers_prompt_edits(studio):
    rows, pipe = [], studio.modular()
    studio.pipe.unet.register_forward_pre_hook(lambda _, inputs, named: rows.append(len(inputs[0])), with_kwargs=True)
    given = dict(prompt="a red cat", identity=studio.cat, num_inference_steps=3, output_type="latent")
    first = pipe(**given, generator=seeded(3), output="latents")
    assert rows[:3] == [2, 2, 2]  # the sentence tells that "red" describes the cat
    again = rows[3:]
    rows.clear()
    assert torch.equal(pipe(**given, generator=seeded(3), output="latents"), first) and rows == again


def test_the_model_is_left_as_it_was(studio):
    def hooks():
        return sum(len(each._forward_hooks) + len(each._forward_pre_hooks) for each in studio.pipe.unet.modules())

    def fail(*_):
        raise RuntimeError("in the middle")

    pipe = studio.modular()
    given = dict(prompt="a red cat", identity=studio.cat, num_inference_steps=2, output_type="latent")
    components, guider = dict(pipe.components), repr(pipe.guider)
    first = pipe(generator=seeded(3), output="latents", **given)
    assert (
        hooks() == 0
        and pipe.components == components
        and repr(pipe.guider).split("State")[0] == guider.split("State")[0]
    )
    handle = studio.pipe.unet.up_blocks[-1].register_forward_hook(fail)
    with pytest.raises(RuntimeError, match="in the middle"):
        pipe(**given)
    handle.remove()
    assert hooks() == 0 and torch.equal(pipe(generator=seeded(3), output="latents", **given), first)
