"""Forms (multipart/form-data) as nested values, the way OpenAI's clients write them: ``appearance[delta]=3``, ``structure_box[]=8``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request

from seal_sdk.errors import InputError
from seal_sdk.serving.http.problems import Problem

MOST_PARTS = 200
KEY = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
LISTS = ("box", "structure_box", "guidance_interval")  # also "8,8,40,60"


@dataclass(frozen=True)
class Form:
    """values: the fields of text, nested. files: name -> the bytes of each file of this name."""

    values: dict[str, Any]
    files: dict[str, list[bytes]]

    def file(self, name: str) -> bytes | None:
        """The only file of a name; None for none. Raises InputError for several."""
        found = self.files.get(name, [])
        if len(found) > 1:
            raise InputError(f"{name}: {len(found)} files; one is taken.")
        return found[0] if found else None


async def read_form(request: Request, most_bytes: int) -> Form:
    """The form of a request. Raises Problem for a body that is none, and InputError for fields that contradict each other."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "multipart/form-data":
        raise Problem(415, "unsupported_media_type", "Send multipart/form-data: fields, and images as files.")
    async with request.form(max_files=MOST_PARTS, max_fields=MOST_PARTS, max_part_size=most_bytes) as form:
        files: dict[str, list[bytes]] = {}
        texts = []
        for key, value in form.multi_items():
            if isinstance(value, UploadFile):
                files.setdefault(key.removesuffix("[]"), []).append(await value.read())
            else:
                texts.append((key, value))
    return Form(nested(texts), files)


def nested(items: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Fields with brackets in their names as dicts and lists; texts that are JSON objects or lists are read.

    Raises InputError for a field that is given twice, or as two kinds of thing.
    """
    root: dict[str, Any] = {}
    for key, text in items:
        found = KEY.fullmatch(key)
        if not found:
            raise InputError(f"{key[:80]!r} is no name of a field.")
        _put(root, [found[1], *re.findall(r"\[([^\[\]]*)\]", found[2])], _value(found[1], text), key[:80])
    return root


def _put(root: dict[str, Any], path: list[str], value: Any, key: str) -> None:
    *parents, last = path
    more = last == "" and bool(parents)  # key[]: one more of a list
    if more:
        *parents, last = parents
    if "" in (*parents, last):
        raise InputError(f"{key!r}: write a list of objects as JSON text.")
    place: Any = root
    for name in parents:
        place = _inside(place, name, dict, key)
    if more:
        _inside(place, last, list, key).append(value)
    elif last in place:
        raise InputError(f"{key!r} is given twice.")
    else:
        place[last] = value


def _inside(place: dict[str, Any], name: str, kind: type[Any], key: str) -> Any:
    found = place.setdefault(name, kind())
    if not isinstance(found, kind):
        raise InputError(f"{key!r} is given in two ways.")
    return found


def _value(name: str, text: str) -> Any:
    """A field's text, or what it says in JSON."""
    if name in LISTS and "," in text and not text.lstrip().startswith("["):
        return text.split(",")
    if name in ("prompt", "negative_prompt", "structure_prompt", "name") or not text.lstrip().startswith(("{", "[")):
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise InputError(f"{name}: this looks like JSON, and is none ({error}).") from error
