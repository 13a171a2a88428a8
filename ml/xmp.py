"""XMP (ISO 16684-1): what a packet says, whichever of its spellings a program chose."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence
from typing import Any, Final, TypeAlias
from xml.etree.ElementTree import Element, SubElement

from ml.rdf import RDF, XML, Names, NotXmp, descriptions, parse, written
from ml.text import json_size

#: Text, a list, or a structure by "prefix:Name".
Property: TypeAlias = str | list[Any] | dict[str, Any]

#: JSON bytes of one property, and of all.
MAX_PROPERTY, MAX_PROPERTIES = 2 * 1024, 64 * 1024

DC: Final = "http://purl.org/dc/elements/1.1/"
XMP: Final = "http://ns.adobe.com/xap/1.0/"
#: The prefixes that properties are named with, whatever the packet calls them.
PREFIXES: Final = {
    DC: "dc",
    XMP: "xmp",
    RDF: "rdf",
    XML: "xml",
    "http://ns.adobe.com/xap/1.0/rights/": "xmpRights",
    "http://ns.adobe.com/xap/1.0/mm/": "xmpMM",
    "http://ns.adobe.com/xap/1.0/sType/ResourceRef#": "stRef",
    "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#": "stEvt",
    "http://ns.adobe.com/photoshop/1.0/": "photoshop",
    "http://ns.adobe.com/camera-raw-settings/1.0/": "crs",
    "http://ns.adobe.com/lightroom/1.0/": "lr",
    "http://ns.adobe.com/exif/1.0/": "exif",
    "http://cipa.jp/exif/1.0/": "exifEX",
    "http://ns.adobe.com/exif/1.0/aux/": "aux",
    "http://ns.adobe.com/tiff/1.0/": "tiff",
    "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/": "Iptc4xmpCore",
    "http://iptc.org/std/Iptc4xmpExt/2008-02-29/": "Iptc4xmpExt",
    "http://ns.microsoft.com/photo/1.0/": "MicrosoftPhoto",
    "http://ns.microsoft.com/photo/1.0": "MicrosoftPhoto",  # as digiKam writes it
    "http://www.digikam.org/ns/1.0/": "digiKam",
    "http://darktable.sf.net/": "darktable",
    "http://www.metadataworkinggroup.com/schemas/regions/": "mwg-rs",
    "http://ns.acdsee.com/iptc/1.0/": "acdsee",
}


PHOTOSHOP: Final = "http://ns.adobe.com/photoshop/1.0/"
_META: Final = "adobe:ns:meta/"
_FOR: Final = "SidecarForExtension"
_ALTERNATIVES: Final = ((DC, "title"), (DC, "description"))
#: Keyword hierarchies, and what stands between the levels of a path.
_HIERARCHIES: Final = {
    ("http://ns.adobe.com/lightroom/1.0/", "hierarchicalSubject"): "|",
    ("http://www.digikam.org/ns/1.0/", "TagsList"): "/",
}
_NO_XML: Final = re.compile("[^\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def properties(packet: bytes, notes: list[str]) -> dict[str, Property]:
    """The properties of a packet by ``prefix:Name``; none, and a note, if it cannot be read."""
    try:
        root = _parsed(packet, notes)
    except NotXmp as problem:
        notes.append(f"XMP that cannot be read: {problem}")
        return {}
    found: dict[str, Property] = {}
    for description, names in descriptions(root):
        for name, value in _fields(description, names).items():
            found.setdefault(name, value)
    return found


def _parsed(packet: bytes, notes: list[str]) -> Element:
    try:
        return parse(packet)
    except NotXmp:
        try:
            packet.decode()
        except UnicodeDecodeError:
            notes.append("XMP that is not UTF-8, read as Windows-1252")
            return parse(packet.decode("cp1252", errors="replace").encode())
        raise


def _name(names: Names, name: str, *, attribute: bool = False) -> str:
    uri, local = names.split(name, attribute=attribute)
    prefix = PREFIXES.get(uri) or name.rpartition(":")[0]
    return f"{prefix}:{local}" if prefix else local


def _fields(description: Element, names: Names) -> dict[str, Property]:
    """The properties of a description or structure: its attributes and its elements."""
    found: dict[str, Property] = {}
    for name, text in description.attrib.items():
        if not name.startswith(("xmlns", "rdf:", "xml:")):
            found[_name(names, name, attribute=True)] = text
    for child in description:
        inner = Names(names.uris, child)
        found.setdefault(_name(inner, child.tag), _value(child, inner))
    return found


def _value(element: Element, names: Names) -> Property:
    """What a property holds: an array, a structure, an alternative by language, or text."""
    for child in element:
        inner = Names(names.uris, child)
        uri, local = inner.split(child.tag)
        if uri == RDF and local in ("Bag", "Seq"):
            return [_value(item, Names(inner.uris, item)) for item in child]
        if uri == RDF and local == "Alt":
            return _preferred(child, inner)
        if uri == RDF and local == "Description":
            return _fields(child, inner)
    resource = element.attrib.get("rdf:resource")
    if len(element) or "rdf:parseType" in element.attrib or (resource is None and _structured(element)):
        return _fields(element, names)
    return resource if resource is not None else (element.text or "").strip()


def _structured(element: Element) -> bool:
    """A structure may stand in attributes alone."""
    return any(not name.startswith(("xmlns", "rdf:", "xml:")) for name in element.attrib)


def _preferred(alternatives: Element, names: Names) -> Property:
    """The default of a language alternative, else its first."""
    items = [item for item in alternatives if names.split(item.tag) == (RDF, "li")]
    default = next((item for item in items if item.attrib.get("xml:lang") == "x-default"), None)
    chosen = default if default is not None else next(iter(items), None)
    return "" if chosen is None else _value(chosen, Names(names.uris, chosen))


def shown(found: Mapping[str, Property]) -> dict[str, Any]:
    """The properties as they are shown: what is longer than fits is left as ``{"bytes": n}``."""
    budget = MAX_PROPERTIES
    shown: dict[str, Any] = {}
    for name, value in found.items():
        size = json_size(value)
        kept = value if size <= MAX_PROPERTY else {"bytes": size}
        budget -= json_size({name: kept})
        if budget < 0:
            break
        shown[name] = kept
    return shown


def sidecar(
    rating: int | None,
    label: str | None,
    keywords: Sequence[str],
    title: str | None,
    description: str | None,
    *,
    existing: bytes | None,
    document_name: str,
) -> bytes:
    """The XMP sidecar of the file ``document_name`` that states these and keeps all else that ``existing`` states.

    ``rating``: -1 (rejected) to 5; 0 states that there are no stars. None, or no keywords, takes the property out.
    A property that already says what it should is left as it stands. Keyword hierarchies lose the paths whose leaf is
    no keyword any more, or Lightroom would bring it back. Raises NotXmp if ``existing`` cannot be read: it is then
    nobody's to overwrite; and ValueError for a rating out of range.
    """
    if rating is not None and not -1 <= rating <= 5:
        raise ValueError(f"a rating is -1 to 5, not {rating}")
    root = parse(existing) if existing is not None else Element("x:xmpmeta", {"xmlns:x": _META, "x:xmptk": "KILO"})
    if root.tag.rpartition(":")[2] not in ("xmpmeta", "xapmeta", "RDF"):
        raise NotXmp(f"its root is {root.tag}")
    wanted: dict[tuple[str, str], Property] = {
        (XMP, "Rating"): "" if rating is None else str(rating),
        (XMP, "Label"): line(label),
        (DC, "title"): line(title),
        (DC, "description"): line(description),
        (DC, "subject"): list(dict.fromkeys(filter(None, map(line, keywords)))),
    }
    extension = document_name.rpartition(".")[2] if "." in document_name else ""
    found = list(descriptions(root))
    stated = {key: value for one, names in found for key, value in _stated(one, names).items()}
    if not stated.get((PHOTOSHOP, _FOR)):
        wanted[PHOTOSHOP, _FOR] = line(extension).upper()
    changed = {key: value for key, value in wanted.items() if stated.get(key, type(value)()) != value}
    for one, names in found:
        _remove(one, names, changed)
        _prune(one, names, wanted[DC, "subject"])
    _drop_empty(_rdf(root))
    _add(root, found, {key: value for key, value in changed.items() if value})
    return written(root)


def line(text: str | None) -> str:
    """Text without what XML cannot carry."""
    return _NO_XML.sub("", (text or "").replace("\r\n", "\n")).strip()


def _stated(description: Element, names: Names) -> dict[tuple[str, str], Property]:
    """The properties of a description by namespace and name."""
    found: dict[tuple[str, str], Property] = {
        names.split(name, attribute=True): text for name, text in description.attrib.items()
    }
    for child in description:
        inner = Names(names.uris, child)
        found[inner.split(child.tag)] = _value(child, inner)
    return found


def _remove(description: Element, names: Names, keys: Container[tuple[str, str]]) -> None:
    """Take properties out of a description, whichever way they are spelt."""
    for name in [one for one in description.attrib if names.split(one, attribute=True) in keys]:
        del description.attrib[name]
    for child in [one for one in description if Names(names.uris, one).split(one.tag) in keys]:
        description.remove(child)


def _prune(description: Element, names: Names, keywords: Property) -> None:
    """Take the paths out of keyword hierarchies whose leaf is no keyword."""
    for child in list(description):
        inner = Names(names.uris, child)
        separator = _HIERARCHIES.get(inner.split(child.tag))
        for array in child if separator else ():
            for item in list(array):
                if (item.text or "").split(separator)[-1].strip() not in keywords:
                    array.remove(item)


def _drop_empty(rdf: Element) -> None:
    """Take out descriptions that state nothing, such as those whose properties were all replaced."""
    for child in list(rdf):
        if not len(child) and all(name.startswith("xmlns") or name.endswith("about") for name in child.attrib):
            rdf.remove(child)


def _add(root: Element, found: list[tuple[Element, Names]], wanted: Mapping[tuple[str, str], Property]) -> None:
    """State properties in a description of our own, before the others: prefixes of theirs cannot get in its way."""
    if not wanted:
        return
    own = Element("rdf:Description", {"xmlns:rdf": RDF, "rdf:about": _about(found)})
    for (uri, name), value in wanted.items():
        prefix = PREFIXES[uri]
        own.attrib[f"xmlns:{prefix}"] = uri
        if (uri, name) in _ALTERNATIVES or isinstance(value, list):
            own.append(_array(f"{prefix}:{name}", value))
        else:
            own.attrib[f"{prefix}:{name}"] = str(value)
    own.tail = "\n"
    _rdf(root).insert(0, own)


def _array(tag: str, value: Property) -> Element:
    """A property that is an unordered array of texts, or a text in the default language."""
    element = Element(tag)
    kind, attributes = ("rdf:Bag", {}) if isinstance(value, list) else ("rdf:Alt", {"xml:lang": "x-default"})
    array = SubElement(element, kind)
    for text in value if isinstance(value, list) else [value]:
        SubElement(array, "rdf:li", attributes).text = str(text)
    return element


def _about(found: list[tuple[Element, Names]]) -> str:
    """What the other descriptions are about: all of a packet must agree."""
    for description, names in found:
        for name, value in description.attrib.items():
            if names.split(name, attribute=True) in ((RDF, "about"), ("", "about")):
                return value
    return ""


def _rdf(root: Element) -> Element:
    """The element that holds the descriptions, made if there is none."""
    for element in root.iter():
        if element.tag.rpartition(":")[2] == "RDF":
            return element
    return SubElement(root, "rdf:RDF", {"xmlns:rdf": RDF})
