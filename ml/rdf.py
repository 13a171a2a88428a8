"""XMP packets as trees: the XML of ISO 16684-1, parsed without what makes XML dangerous.

Names stay as the packet spells them (``dc:title``), so that a tree can be written back as it was. A document type
declaration, and with it every entity, is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

MAX_BYTES: Final = 4 * 1024 * 1024
MAX_DEPTH: Final = 64
MAX_NODES: Final = 250_000

RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
XML: Final = "http://www.w3.org/XML/1998/namespace"

_BEGIN: Final = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
_END: Final = '<?xpacket end="w"?>'
# A parser turns a carriage return into a line feed, and both into a blank within an attribute, unless they are escaped.
_IN_TEXT: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_IN_ATTRIBUTE: Final = _IN_TEXT | str.maketrans({'"': "&quot;", "\n": "&#10;", "\t": "&#9;"})


class NotXmp(ValueError):
    """The bytes are no XMP that can be read; the text says why."""


class _Builder:
    """Builds the tree and counts what it is made of."""

    def __init__(self) -> None:
        self.tree = TreeBuilder()
        self.depth = self.nodes = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        self.nodes += 1 + len(attributes)
        if self.depth > MAX_DEPTH or self.nodes > MAX_NODES:
            raise NotXmp("it is nested too deep or has too many parts")
        self.tree.start(tag, attributes)

    def end(self, tag: str) -> None:
        self.depth -= 1
        self.tree.end(tag)

    def doctype(self, *_: object) -> None:
        raise NotXmp("it declares a document type")


def parse(packet: bytes) -> Element:
    """The root of a packet. Raises NotXmp."""
    if len(packet) > MAX_BYTES:
        raise NotXmp(f"it is longer than {MAX_BYTES} bytes")
    builder = _Builder()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.tree.data
    parser.StartDoctypeDeclHandler = builder.doctype
    try:
        parser.Parse(_trimmed(packet), True)
        return builder.tree.close()
    except expat.ExpatError as problem:
        raise NotXmp(str(problem)) from None
    except (ValueError, LookupError, AssertionError) as problem:  # a charset Python does not have, an empty tree
        raise problem if isinstance(problem, NotXmp) else NotXmp(str(problem)) from None


def _trimmed(packet: bytes) -> bytes:
    """The packet without padding: NUL and blanks at both ends, which are no XML."""
    if packet[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return packet
    return packet.strip(b"\0 \t\r\n")


def written(root: Element) -> bytes:
    """The packet of a tree, as UTF-8, without padding."""
    parts: list[str] = []
    _write(root, parts)
    return f"{_BEGIN}\n{''.join(parts)}\n{_END}\n".encode()


def _write(element: Element, parts: list[str]) -> None:
    attributes = "".join(f' {name}="{_escaped(value, _IN_ATTRIBUTE)}"' for name, value in element.attrib.items())
    parts.append(f"<{element.tag}{attributes}")
    if len(element) or element.text:
        parts.append(f">{_escaped(element.text or '', _IN_TEXT)}")
        for child in element:
            _write(child, parts)
            parts.append(_escaped(child.tail or "", _IN_TEXT))
        parts.append(f"</{element.tag}>")
    else:
        parts.append("/>")


def _escaped(text: str, escapes: dict[int, str]) -> str:
    return text.translate(escapes)


class Names:
    """What the prefixes of a tree mean where an element stands."""

    def __init__(self, outer: Mapping[str, str], element: Element) -> None:
        declared = {
            name.partition(":")[2]: uri
            for name, uri in element.attrib.items()
            if name == "xmlns" or name.startswith("xmlns:")
        }
        self.uris: Mapping[str, str] = {**outer, **declared} if declared else outer

    def split(self, name: str, *, attribute: bool = False) -> tuple[str, str]:
        """Namespace and local name; an attribute without a prefix has no namespace."""
        prefix, colon, local = name.rpartition(":")
        if not colon and attribute:
            return "", local
        return self.uris.get(prefix, ""), local


NO_NAMES: Final[Mapping[str, str]] = {"xml": XML}


def descriptions(element: Element, outer: Mapping[str, str] = NO_NAMES) -> Iterator[tuple[Element, Names]]:
    """The top ``rdf:Description`` elements of a tree and what their prefixes mean."""
    names = Names(outer, element)
    if names.split(element.tag) == (RDF, "RDF"):
        for child in element:
            inner = Names(names.uris, child)
            if inner.split(child.tag) == (RDF, "Description"):
                yield child, inner
    else:
        for child in element:
            yield from descriptions(child, names.uris)
