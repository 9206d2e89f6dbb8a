"""Other tools' prompt syntax: plain words here, of which people are told."""

from __future__ import annotations

import warnings

import pytest

from seal_sdk import IdentitySession
from seal_sdk.backbone.prompts import warn_of_foreign_syntax


@pytest.mark.parametrize(
    ("prompt", "says"),
    [
        ("a (cat:1.4) on snow", r"'\(cat:1\.4\)' is read as plain words: .*compel"),
        ("a (red, fluffy cat: .8)", r"plain words.*compel"),
        ("a [cat|dog]", r"'\[cat\|dog\]' is read as plain words"),
        ("a cat <lora:style:1>", r"'<lora:style:1>' is read as plain words: .*pipe\.load_lora_weights"),
        ("a cat <LORA:style>", r"load_lora_weights"),
        ("a (cat:1.4) <lora:style:1>", r"compel.*load_lora_weights"),
    ],
)
def test_foreign_syntax_is_named_with_the_way_to_do_it(prompt, says):
    with pytest.warns(UserWarning, match=says) as told:
        warn_of_foreign_syntax([prompt, prompt, None])
    assert len(told) == 1


@pytest.mark.parametrize(
    "prompt", ["a cat (on snow)", "a cat: 2 years old", "a clock (at 10:30)", "[a cat]", "a | b", "a cat <3", "(a:b)"]
)
def test_plain_words_give_no_warning(prompt):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_foreign_syntax([prompt])


def test_a_session_warns_once_per_prompt_and_call(tiny_pipeline, tmp_path, reference_image):
    session = IdentitySession(tiny_pipeline(), store=tmp_path, enable_progress_bar=False)
    for _ in range(2):  # a store hit as well
        with pytest.warns(UserWarning, match="plain words") as told:
            session.register(reference_image, prompt="a (cat:1.4)", name="cat", box=(20, 20, 100, 110), timesteps=1)
        assert len(told) == 1 and told[0].filename == __file__
    words = dict(negative_prompt="(ugly:2)", num_images_per_prompt=2, num_inference_steps=1, guidance_scale=4.0)
    with pytest.warns(UserWarning, match="plain words") as told:
        session.generate(None, "a [cat|dog]", seed=1, **words)
    ours = [each for each in told if each.category is UserWarning]
    assert {each.filename for each in ours} == {__file__}
    assert sorted(str(each.message).split(",")[0] for each in ours) == [
        "In the prompt '(ugly:2)'",
        "In the prompt 'a [cat|dog]'",
    ]
