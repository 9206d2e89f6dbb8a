"""An identity of which the store lost something heals itself, to the bit, or says what is lost."""

from __future__ import annotations

import json
import warnings

import pytest

from seal_sdk import IdentitySession
from seal_sdk.errors import RestoredWarning
from store import IdentityStore, StoreCorruption

FAST = dict(num_inference_steps=2, seed=7)
BOX = (30.0, 30.0, 100.0, 110.0)


@pytest.fixture
def session(tiny_pipeline, tmp_path, reference_image, quick_disk):
    with IdentitySession(tiny_pipeline(), store=IdentityStore(tmp_path / "store"), memory_budget=0) as opened:
        opened.register(reference_image, prompt="a photo", name="one", box=BOX, timesteps=2)
        yield opened


def manifest(session) -> dict:
    digest = session.identities["one"].digest
    return json.loads((session.store.root / "manifests" / digest[:2] / f"{digest}.json").read_text())


def blob_of(session, key):
    rows = manifest(session)["chunks"] + manifest(session)["attachments"]
    name = next(row["xxh3_128"] for row in rows if row["key"].startswith(key))
    return session.store.root / "blobs" / name[:2] / name


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def draw(session, reference_image):
    return session.generate(reference_image, "a photo", structure_box=BOX, **FAST)


@pytest.mark.parametrize("damage", [flip, lambda path: path.unlink(), lambda path: path.write_bytes(b"")])
@pytest.mark.parametrize("key", ["mid/c/1", "up1/c/0", "mask.png"])
def test_lost_data_are_computed_anew_and_the_image_is_the_same(session, reference_image, damage, key):
    intact = draw(session, reference_image)
    digest = session.identities["one"].digest
    damage(blob_of(session, key))
    session.use("one")
    with pytest.warns(RestoredWarning, match="'one'"):
        healed = draw(session, reference_image)
    assert healed.image.tobytes() == intact.image.tobytes()
    assert (intact.restored, healed.restored) == ([], ["one"])
    assert session.store.verify().ok and session.identities["one"].digest == digest
    with warnings.catch_warnings():
        warnings.simplefilter("error", RestoredWarning)
        assert draw(session, reference_image).restored == []


def test_without_its_reference_the_error_names_what_is_lost(session, reference_image):
    blob_of(session, "mid/c/1").unlink()
    flip(blob_of(session, "reference.png"))
    with pytest.raises(StoreCorruption, match="reference image is damaged too") as caught:
        draw(session, reference_image)
    assert caught.value.identity == "one" and caught.value.timestep == session.identities["one"].timesteps[1]
    (mid,) = (array for array in manifest(session)["arrays"] if array["name"] == "mid")
    assert caught.value.layers == tuple(mid["layers"])


def test_another_scheduler_cannot_restore_it(session, reference_image):
    blob_of(session, "mid/c/1").unlink()
    session.pipe.scheduler.register_to_config(beta_end=0.02)
    with pytest.raises(StoreCorruption, match="scheduler"):
        draw(session, reference_image)


def test_a_mask_drawn_by_hand_cannot_be_found_again(session, reference_image):
    mask = reference_image.convert("L").point(lambda value: 255 * (value > 100))
    session.register(reference_image, prompt="a photo", name="one", mask=mask, timesteps=2)
    blob_of(session, "mask.png").unlink()
    session.use("one")
    with pytest.raises(StoreCorruption, match="given by hand"):
        draw(session, reference_image)
