"""YAML files with precise errors: file, entry, what is wrong, and how to fix it."""

from __future__ import annotations

from collections.abc import Hashable
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn

import yaml

from seal_sdk.errors import ConfigError


class Entry:
    """A mapping in a file. Its getters raise ConfigError, which names the entry, for missing or wrong values.

    Args:
        file: The file.
        place: Path of the entry in the file, such as "images.tiger"; empty for the whole file.
        value: What YAML read there.
    """

    def __init__(self, file: Path, place: str, value: Any) -> None:
        self._file, self._place = file, place
        if not isinstance(value, dict):
            self.fail(f"expected names and values, not {value!r}")
        self._values: dict[Any, Any] = value

    def fail(self, what: str, name: str = "") -> NoReturn:
        """Raise ConfigError for this entry, or for the value ``name`` in it."""
        place = ".".join(filter(None, (self._place, name)))
        raise ConfigError(f"{self._file}{', ' if place else ''}{place}: {what}.")

    def only(self, *known: str) -> None:
        """Raise ConfigError if the entry has other names than these."""
        for name in self._values:
            if name not in known:
                near = get_close_matches(str(name), known, n=1)
                self.fail(f"there is no {name!r} here; " + (f"did you mean {near[0]!r}?" if near else _listed(known)))

    def text(self, name: str, optional: bool = False) -> str | None:
        """A text; None if it is missing and ``optional``."""
        value = self._values.get(name)
        if value is None and optional:
            return None
        if name not in self._values:
            self.fail(f"{name!r} is missing: give words", name)
        if not isinstance(value, str) or not value.strip():
            self.fail(f"{value!r}: expected words; put what YAML reads as something else into quotes", name)
        return value

    def required(self, name: str) -> str:
        """A text that has to be there."""
        value = self.text(name)
        assert value is not None
        return value

    def integer(self, name: str, default: int, low: int, high: int) -> int:
        """An integer from low to high, both included."""
        value = self._values.get(name, default)
        if type(value) is not int or not low <= value <= high:
            self.fail(f"{value!r}: expected a whole number from {low} to {high}", name)
        return value

    def value(self, name: str) -> Any:
        """The value, None if it is missing."""
        return self._values.get(name)

    def entries(self, name: str) -> dict[str, Entry]:
        """The entries of a mapping by key, at least one."""
        inside = self._values.get(name)
        if not isinstance(inside, dict) or not inside:
            self.fail("expected at least one entry, 'key: {...}'", name)
        for key in inside:
            if not isinstance(key, str):
                self.fail(f"the key {key!r} is not text: put it into quotes", name)
        return {key: Entry(self._file, f"{name}.{key}", value) for key, value in inside.items()}

    def items(self, name: str) -> list[Entry]:
        """The entries of a list, at least one. Errors number them from 1."""
        inside = self._values.get(name)
        if not isinstance(inside, list) or not inside:
            self.fail("expected a list of at least one entry, '- {...}'", name)
        return [Entry(self._file, f"{name}[{number}]", value) for number, value in enumerate(inside, 1)]


def read_entries(file: Path) -> Entry:
    """The top entry of a YAML file. Raises ConfigError if it is missing, no YAML, or has a duplicate key."""
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file} is no text in UTF-8: {error}.") from error
    try:
        values = yaml.load(text, _UniqueKeys)  # a SafeLoader: it constructs only plain data
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"{file} is no YAML that can be read: {error}") from error
    return Entry(file, "", values)


class _UniqueKeys(yaml.SafeLoader):
    """A loader that rejects duplicate keys. PyYAML keeps the last value, so a case would silently be missing."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        seen: list[Any] = []
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key!r} is there twice", key_node.start_mark)
            seen.append(key)
        return super().construct_mapping(node, deep)


def _listed(names: tuple[str, ...]) -> str:
    return "there are " + ", ".join(names)
