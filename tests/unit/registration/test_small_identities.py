"""Storing less: the subject's tokens alone, and eight bits per number."""

from __future__ import annotations

import numpy as np
import pytest
import zarr

from seal_sdk import Appearance, IdentitySession
from seal_sdk.errors import InputError, RestoredWarning
from store import IdentityStore

FAST = dict(num_inference_steps=2, seed=7)
BOX = (40.0, 40.0, 90.0, 100.0)


@pytest.fixture
def session(tiny_pipeline, tmp_path, quick_disk):
    with IdentitySession(tiny_pipeline(), store=IdentityStore(tmp_path / "store")) as opened:
        yield opened


def register(session, image, name, **settings):
    appearance = Appearance(**{"tokens": "all", "quantization": "none", **settings})
    return session.register(image, prompt="a photo", name=name, box=BOX, timesteps=2, appearance=appearance)


def test_the_subjects_tokens_draw_the_same_image(session, reference_image):
    whole = register(session, reference_image, "whole")
    drawn = session.generate(reference_image, "a photo", structure_box=BOX, match_maps=True, **FAST)
    small = register(session, reference_image, "small", tokens="subject")
    again = session.generate(reference_image, "a photo", structure_box=BOX, match_maps=True, **FAST)
    assert small.digest != whole.digest and small.nbytes < 0.6 * whole.nbytes
    assert again.image.tobytes() == drawn.image.tobytes()
    np.testing.assert_array_equal(again.maps()[0].source, drawn.maps()[0].source)
    assert set(small.tokens) == {"mid", "up0", "up1"} and whole.tokens is None
    with pytest.raises(InputError, match="tokens='all'"):
        session.generate(None, "a photo", appearance=Appearance(gating="none"), **FAST)
    assert session.generate(None, "a photo", **FAST).coverage[0] >= 0


def test_the_defaults_are_small_and_matching_the_whole_reference_stores_all_of_it(session, reference_image):
    what = dict(prompt="a photo", box=BOX, timesteps=2)
    small = session.register(reference_image, name="small", **what)
    whole = session.register(reference_image, name="whole", **what, appearance=Appearance(gating="none"))
    assert small.tokens is not None and small.stored.arrays[0].logical_dtype.startswith("int8")
    assert whole.tokens is None and whole.nbytes > small.nbytes
    session.generate(None, "a photo", appearance=Appearance(gating="none"), **FAST)


def test_int8_takes_a_quarter_of_fp32_and_reads_through_zarr(session, reference_image):
    whole = register(session, reference_image, "whole")
    exact = session.generate(reference_image, "a photo", structure_box=BOX, **FAST)
    small = register(session, reference_image, "small", quantization="int8")
    close = session.generate(reference_image, "a photo", structure_box=BOX, **FAST)
    assert small.nbytes < 0.3 * whole.nbytes
    difference = np.asarray(exact.image).astype(int) - np.asarray(close.image)
    assert 0 < abs(difference).mean() < 2
    group = zarr.open_group(small.zarr(), mode="r")
    original = zarr.open_group(whole.zarr(), mode="r")["mid"][:]
    codes, scale = group["mid"][:].astype("f4"), group["mid.scale"][:]
    rebuilt = codes * scale[..., :1, :] + scale[..., 1:, :]
    assert abs(rebuilt - original).max() <= 0.501 * scale[..., 0, :].max()


def test_small_identities_heal_too(session, reference_image):
    identity = register(session, reference_image, "small", tokens="subject", quantization="int8")
    intact = session.generate(reference_image, "a photo", structure_box=BOX, **FAST)
    session._cache.clear()
    blobs = [path for path in (session.store.root / "blobs").rglob("*") if path.is_file()]
    sizes = {path: path.stat().st_size for path in blobs}
    attached = {len(identity.stored.attachment(name)) for name in identity.stored.attachments}
    max((path for path in blobs if sizes[path] not in attached), key=sizes.__getitem__).unlink()
    with pytest.warns(RestoredWarning):
        healed = session.generate(reference_image, "a photo", structure_box=BOX, **FAST)
    assert healed.image.tobytes() == intact.image.tobytes()
    assert session.identities["small"].digest == identity.digest
