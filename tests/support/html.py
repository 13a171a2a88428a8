"""A page as a browser without scripts reads it."""

from __future__ import annotations

from functools import cached_property
from html.parser import HTMLParser
from typing import Any

import httpx

_VOID = {"meta", "link", "img", "input", "br"}


class Element:
    """A tag with its attributes, the elements in it, and the text under it."""

    def __init__(self, tag: str, attributes: dict[str, str]) -> None:
        self.tag = tag
        self.attributes = attributes
        self.children: list[Element] = []
        self.pieces: list[str] = []

    def __getitem__(self, name: str) -> str:
        return self.attributes[name]

    def __contains__(self, name: str) -> bool:
        return name in self.attributes

    @property
    def text(self) -> str:
        """The words under it, as they are read."""
        return " ".join(" ".join(self.pieces).split())

    def all(self, tag: str = "", **attributes: str) -> list[Element]:
        """The elements under it with this tag and these attributes; ``class_`` is one of the classes."""
        found = []
        for child in self.children:
            if child.is_(tag, attributes):
                found.append(child)
            found += child.all(tag, **attributes)
        return found

    def one(self, tag: str = "", **attributes: str) -> Element:
        [found] = self.all(tag, **attributes)
        return found

    def is_(self, tag: str, attributes: dict[str, str]) -> bool:
        if tag and self.tag != tag:
            return False
        for name, value in attributes.items():
            held = self.attributes.get(name.strip("_").replace("_", "-"))
            if held is None or (value not in held.split() if name == "class_" else held != value):
                return False
        return True

    @property
    def skeleton(self) -> list[Any]:
        """Tags and names of attributes, without any value: what nobody's words may change."""
        return [self.tag, sorted(self.attributes), [child.skeleton for child in self.children]]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"<{tag}> has an attribute twice"
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in _VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"<{self.open[-1].tag}> is ended by </{tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element.pieces.append(data)


class Page:
    """An answer, and what is in it where it is a page."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.status = response.status_code
        self.headers = response.headers
        self.address = response.url.raw_path.decode()

    @cached_property
    def root(self) -> Element:
        reader = _Reader()
        reader.feed(self.response.text)
        reader.close()
        assert reader.open == [reader.root], "an element is not ended"
        return reader.root

    @property
    def state(self) -> str:
        return self.root.one("body")["data-gallery-state"]

    @property
    def numbers(self) -> list[str]:
        """The photos of the grid, by their anchors."""
        return [photo["id"] for photo in self.root.all("li", class_="photo")]

    def form(self, **attributes: str) -> dict[str, Any]:
        """The address and the fields of a form."""
        form = self.root.one("form", **attributes)
        fields = {field["name"]: field.attributes.get("value", "") for field in form.all("input") if "name" in field}
        return {"action": form["action"], "fields": fields}
