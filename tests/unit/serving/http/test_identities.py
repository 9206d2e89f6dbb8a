"""Identities over HTTP: registered, listed by pages, shown and removed."""

import io

import pytest
from fixtures.http_client import png
from PIL import Image

from seal_sdk.errors import SubjectNotFound

ALL = "/v1/identities"


async def register(client, name, image=None, **fields):
    files = {"image": png(image), **fields.pop("files", {})}
    return await client.post(ALL, files=files, data={"name": name, "prompt": f"a photo of a {name}", **fields})


async def test_a_reference_is_registered_and_found(client, session):
    made = await register(client, "tiger", Image.new("RGB", (32, 16), "orange"), box="1,2,30,15")
    assert made.status_code == 201, made.text
    assert made.json()["box"] == [1, 2, 30, 15] and made.json()["size"] == [32, 16] and made.json()["created"] > 1.7e9
    (asked,) = session.registered
    assert asked["box"] == (1, 2, 30, 15) and asked["name"] == "tiger" and "mask" not in asked
    found = await client.get(f"{ALL}/tiger")
    assert found.json()["digest"] == made.json()["digest"] and found.json()["prompt"] == "a photo of a tiger"
    assert (await client.get(f"{ALL}/{found.json()['digest'][:8]}")).json()["digest"] == found.json()["digest"]


async def test_a_mask_says_what_the_subject_is(client, session):
    await register(client, "tiger", files={"mask": png(Image.new("L", (16, 16), 255))})
    assert session.registered[0]["mask"].size == (16, 16) and "box" not in session.registered[0]


async def test_a_list_comes_in_pages(client):
    for name in ("cat", "ant", "bee"):
        await register(client, name)
    first = (await client.get(ALL, params={"limit": 2})).json()
    assert [each["name"] for each in first["data"]] == ["ant", "bee"] and first["has_more"]
    rest = (await client.get(ALL, params={"limit": 2, "after": "bee"})).json()
    assert [each["name"] for each in rest["data"]] == ["cat"] and not rest["has_more"]
    assert (await client.get(ALL, params={"limit": 0})).status_code == 422


async def test_a_thumbnail_is_small(client):
    await register(client, "tiger", Image.new("RGB", (300, 100), "orange"))
    answer = await client.get(f"{ALL}/tiger/thumbnail", params={"size": 60})
    shown = Image.open(io.BytesIO(answer.content))
    assert answer.headers["content-type"] == "image/png" and shown.size == (60, 20)
    assert shown.getpixel((5, 5)) == (255, 165, 0)


async def test_a_removed_name_is_gone_and_a_pinned_one_stays(client, session):
    await register(client, "tiger")
    session.store.pin("tiger")
    pinned = await client.delete(f"{ALL}/tiger")
    assert (pinned.status_code, pinned.json()["code"]) == (409, "identity_pinned")
    session.store.unpin("tiger")
    assert (await client.delete(f"{ALL}/tiger")).status_code == 204
    for answer in (
        await client.delete(f"{ALL}/tiger"),
        await client.get(f"{ALL}/tiger"),
        await client.get(f"{ALL}/tiger/thumbnail"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_identity")


@pytest.mark.parametrize(
    ("fields", "code", "told"),
    [
        ({"name": "../etc"}, "invalid_name", "cannot name an identity"),
        ({"name": ""}, "invalid_request", "name"),
        ({"prompt": "x" * 5000}, "invalid_input", "at most 4000"),
        ({"box": "1,2,3"}, "invalid_request", "box"),
        ({"box": "a,b,c,d"}, "invalid_request", "box"),
        ({"photo": "1"}, "invalid_request", "photo"),
        ({"files": {"image": b"nothing"}}, "invalid_image", "PNG, JPEG or WebP"),
        ({"files": {"other": png()}}, "invalid_input", "other: no such file"),
    ],
)
async def test_mistakes_are_told(client, session, fields, code, told):
    answer = await register(client, **{"name": "tiger", **fields})
    assert (answer.status_code, answer.json()["code"]) == (422, code) and told in answer.json()["detail"]
    assert session.registered == []


async def test_what_is_no_form_is_refused(client):
    assert (await client.post(ALL, json={"name": "tiger"})).status_code == 415
    broken = await client.post(ALL, content=b"nothing", headers={"content-type": "multipart/form-data"})
    assert (broken.status_code, broken.json()["code"]) == (400, "bad_request")


async def test_nobody_found_is_told_in_the_sessions_words(client, session, monkeypatch):
    def register_nobody(**_):
        raise SubjectNotFound("Nobody is there: pass box=.")

    monkeypatch.setattr(session, "register", register_nobody)
    answer = await register(client, "tiger")
    assert (answer.status_code, answer.json()["detail"]) == (422, "Nobody is there: pass box=.")
