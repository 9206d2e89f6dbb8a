"""``timesteps``, ``sigmas`` and ``eta`` mean what they mean in diffusers, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, EulerDiscreteScheduler, PNDMScheduler
from fixtures.diffusers_calls import assert_draws_an_identity, by_diffusers, by_session

from seal_sdk.errors import InputError

SCHEDULES = {
    "timesteps": (EulerDiscreteScheduler, dict(timesteps=[900, 500, 20])),
    "sigmas": (EulerDiscreteScheduler, dict(sigmas=[10.0, 2.0, 0.3])),
    "multistep": (DPMSolverMultistepScheduler, dict(timesteps=[900, 500, 20])),
    "eta": (DDIMScheduler, dict(eta=0.7)),
}


@pytest.mark.parametrize("scheduler, arguments", SCHEDULES.values(), ids=SCHEDULES)
def test_custom_schedules(with_identity, scheduler, arguments):
    pipe = with_identity.pipe
    pipe.scheduler = scheduler.from_config(pipe.scheduler.config)
    ours = by_session(with_identity, "a cat", **arguments)
    assert np.array_equal(ours.image, by_diffusers(with_identity, "a cat", **arguments)[0])
    assert not np.array_equal(ours.image, by_session(with_identity, "a cat").image)
    assert_draws_an_identity(with_identity, "a cat", **arguments)
    settings = ours.settings[0]
    assert {key: settings[key] for key in arguments} == arguments
    assert settings["num_inference_steps"] == (3 if "timesteps" in arguments else 2)


@pytest.mark.parametrize("scheduler, name", [(PNDMScheduler, "sigmas"), (DDIMScheduler, "timesteps")])
def test_a_scheduler_that_takes_no_custom_schedule_is_named(session, scheduler, name):
    session.pipe.scheduler = scheduler.from_config(session.pipe.scheduler.config)
    with pytest.raises(InputError, match=f"{name}=.*{scheduler.__name__} does not take them"):
        by_session(session, "a cat", **{name: [900, 20]})


@pytest.mark.parametrize(
    "arguments",
    [
        dict(timesteps=[20], sigmas=[0.3]),
        dict(timesteps=[]),
        dict(timesteps=[1.5]),
        dict(sigmas="ab"),
        dict(sigmas=[-1.0]),
        dict(eta=2),
    ],
    ids=str,
)
def test_what_is_no_schedule_is_refused(session, arguments):
    with pytest.raises(InputError, match=next(iter(arguments))):
        by_session(session, "a cat", **arguments)
