"""What guests of a gallery can learn from files: photos that tell everything go in, and all that comes out is searched.

    python -m tests.safety.gallery_corpus --files 200

Photos of seven formats carry a place, serial numbers, an owner, a maker's note, XMP, IPTC and a thumbnail, written by
exiftool. They are ingested as uploads are, put into a gallery, and every rendition that guests can get, and every
answer that they can read, is searched: for each tag that exiftool finds in it, and for the words themselves.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyvips

from kilo_gql.access import Perm, System
from kilo_gql.domain import gallery_renders
from kilo_gql.models import Asset, DownloadPolicy, Gallery
from tests.support import exif_bytes, pictures
from tests.support.api import Api
from tests.support.galleries import make_gallery
from tests.support.make import Make
from tests.support.postgres import postgres
from tests.support.running import running
from tests.support.shoot import Shoot

#: Stands in every text that nobody shall learn, and the place in the spellings that programs use.
SECRET: Final = "SECRET"
PLACE: Final = re.compile(r"52[.,]5162|13[.,]3776|52 deg 30|13 deg 22")
FORMATS: Final = ("jpg", "heic", "avif", "png", "webp", "tif", "dng")
RENDITIONS: Final = ("web", "full", "original")

#: Groups of tags that tell how a file is built, and nothing of where it came from.
_BUILT: Final = re.compile(
    r"SourceFile|(ExifTool|System|File|JFIF|Adobe|PNG|PNG-pHYs|RIFF|ICC_Profile|ICC-\w+|Meta|QuickTime):.*"
)
_ALLOWED: Final = re.compile(
    r"IFD0:(ImageWidth|ImageHeight|BitsPerSample|Compression|PhotometricInterpretation|StripOffsets|Orientation|"
    r"SamplesPerPixel|RowsPerStrip|StripByteCounts|[XY]Resolution|PlanarConfiguration|ResolutionUnit|Predictor|"
    r"SampleFormat|SubfileType|Artist|Copyright|ExtraSamples|FillOrder|YCbCrPositioning)|"
    r"Composite:(ImageSize|Megapixels)"
)  # fmt: skip
#: Of the groups above, what could tell something after all.
_TELLING: Final = re.compile(
    r"PNG:.*(Comment|Author|Software|Date|Time|Description|Title)|File:Comment|QuickTime:.*(GPS|Make|Model)"
)


@dataclass
class Report:
    """What was searched, and what should not have been in it: ``found`` by rendition and tag."""

    files: Counter[str] = field(default_factory=Counter)
    searched: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    substitutes: Counter[str] = field(default_factory=Counter)


# --- photos that tell everything -------------------------------------------------------------------------------------


def carrier(folder: Path) -> Path:
    """A JPEG with every kind of metadata, from which exiftool copies it into others."""
    note = b"Nikon\0\x02\x10\0\0" + exif_bytes.tiff({0x001D: exif_bytes.ascii_(f"{SECRET}-SERIAL-4711")}, order=">")
    photo = {0x9003: exif_bytes.ascii_("2026:05:16 12:00:00"), 0x927C: exif_bytes.undefined(note)}
    maker = {0x010F: exif_bytes.ascii_("NIKON CORPORATION"), 0x0110: exif_bytes.ascii_(f"NIKON {SECRET} D9")}
    data = pictures.jpeg(picture(0))
    path, thumbnail = folder / "carrier.jpg", folder / "thumbnail.jpg"
    path.write_bytes(
        data[:2] + exif_bytes.segment(0xE1, b"Exif\0\0" + exif_bytes.tiff(maker, photo)) + _without_exif(data)
    )
    thumbnail.write_bytes(pictures.image(picture(1, 160, 120)).jpegsave_buffer(keep="none"))
    _exiftool(
        "-overwrite_original", "-GPSLatitude=52.5162", "-GPSLatitudeRef=N", "-GPSLongitude=13.3776",
        "-GPSLongitudeRef=E", f"-OwnerName={SECRET} Owner", f"-SerialNumber={SECRET}-BODY-1",
        f"-LensSerialNumber={SECRET}-LENS-2", f"-Software={SECRET} Editor 1.0", f"-HostComputer={SECRET}-HOST",
        f"-UserComment={SECRET} comment", f"-ImageDescription={SECRET} description",
        "-IPTC:By-line=Studio Credit", "-Artist=Studio Credit", "-Copyright=(c) Studio Credit",
        f"-IPTC:City={SECRET} city", f"-IPTC:Keywords={SECRET} keyword", f"-XMP-photoshop:City={SECRET} city",
        f"-XMP-aux:SerialNumber={SECRET}-AUX", f"-XMP-dc:Description={SECRET} words", "-XMP-exif:GPSLatitude=52.5162",
        "-XMP-exif:GPSLongitude=13.3776", f"-XMP-xmpMM:DocumentID={SECRET}-document", f"-Comment={SECRET} comment",
        f"-ThumbnailImage<={thumbnail}", str(path),
    )  # fmt: skip
    return path


def _without_exif(data: bytes) -> bytes:
    from ml import jpeg

    bare = jpeg.stripped(data)
    assert bare is not None
    return bare[2:]


def corpus(folder: Path, count: int) -> list[Path]:
    """So many photos, of each format in turn, all different."""
    told = carrier(folder)
    made = []
    for number in range(count):
        suffix = FORMATS[number % len(FORMATS)]
        path = folder / f"{SECRET}_{number:04}.{suffix}"
        path.write_bytes(_encoded(suffix, picture(number)))
        made.append(path)
    for suffix in FORMATS:
        paths = [str(path) for path in made if path.suffix == f".{suffix}"]
        if paths:
            _exiftool("-overwrite_original", "-m", "-tagsfromfile", str(told), "-all:all", "-unsafe", "-makernotes",
                      "-comment", *paths)  # fmt: skip
    return made


def picture(seed: int, width: int = 480, height: int = 320) -> Any:
    """Soft noise, another for each seed."""
    small = np.random.default_rng(seed).integers(0, 256, (8, 12, 3), np.uint8)
    large = pyvips.Image.new_from_array(small).resize(width / 12, vscale=height / 8).cast("uchar")
    return large.crop(0, 0, width, height).numpy()


def _encoded(suffix: str, chosen: Any) -> bytes:
    image = pictures.image(chosen)
    match suffix:
        case "heic":
            return pictures.heic(chosen)
        case "avif":
            made: bytes = image.heifsave_buffer(compression="av1", Q=80, effort=0)
            return made
        case "dng":
            return pictures.dng(image.jpegsave_buffer(keep="none"))
        case _:
            written: bytes = image.write_to_buffer(f".{suffix}")
            return written


def _exiftool(*arguments: str) -> str:
    done = subprocess.run(["exiftool", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


# --- what comes out --------------------------------------------------------------------------------------------------


async def hand_out(api: Api, paths: Sequence[Path], out: Path, report: Report) -> None:
    """Ingest the photos, and write all that guests of two galleries of them, one of them marked, can get to ``out``."""
    services = api.services
    make = Make(services.db)
    owner = await make.user()
    project = await make.project(owner, f"{SECRET} project")
    async with Shoot(services.db, services.settings, project.id, owner) as shoot:
        ids = [await shoot.upload(path.name, path.read_bytes()) for path in paths]
        await shoot.work()
        assets: list[Asset] = [await shoot.ready(id_) for id_ in ids]
        plain = await make_gallery(services.db, project, assets, downloads=DownloadPolicy.ORIGINAL)
        await _offer(api, shoot, plain, RENDITIONS, report)
        mark = {"watermark": True, "watermark_settings": {"text": "PROOF"}, "watermark_version": "1"}
        marked = await make_gallery(services.db, project, assets, downloads=DownloadPolicy.FULL, **mark)
        await _offer(api, shoot, marked, RENDITIONS[:2], report)
    await _fetch(api, plain.share_slug, RENDITIONS, out, "")
    await _fetch(api, marked.share_slug, RENDITIONS[:2], out, "marked_")


async def _offer(api: Api, shoot: Shoot, gallery: Gallery, renditions: Sequence[str], report: Report) -> None:
    """Let the worker make everything that guests can get."""
    async with api.services.db.transaction(System("test"), Perm.SYSTEM) as tx:
        await gallery_renders.request_renders(tx, gallery)
        await tx.session.commit()
    for rendition in renditions:
        asked = {"of": "all", "rendition": rendition}
        await api.rest("POST", f"/share/{gallery.share_slug}/downloads", asked)
        await shoot.work()
        ready = (await api.rest("POST", f"/share/{gallery.share_slug}/downloads", asked)).json()
        assert ready["ready"], (rendition, ready)
        report.substitutes[rendition] = ready["substituteCount"]


async def _fetch(api: Api, slug: str, renditions: Sequence[str], out: Path, prefix: str) -> None:
    async def answer(name: str, path: str) -> Any:
        found = await api.rest("GET", path)
        (out / f"answer-{prefix}{name}.json").write_text(found.text)
        return found.json()

    await answer("gallery", f"/share/{slug}")
    photos: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        found = await answer(f"photos-{len(photos)}", f"/share/{slug}/photos?limit=100{cursor and f'&cursor={cursor}'}")
        photos += found["items"]
        cursor = found["pageInfo"]["nextCursor"]
    for number, photo in enumerate(photos):
        await answer(f"photo-{number}", f"/share/{slug}/photos/{photo['assetId']}")
        for rendition in renditions:
            await _save(api, f"/g/{slug}/download/{photo['assetId']}?rendition={rendition}", out, prefix)
    for url in sorted(set(re.findall(r"/g/[\w-]+/media/[^\"]+", json.dumps(photos)))):
        await _save(api, url, out, prefix)
    await _save(api, f"/g/{slug}/card.jpg", out, prefix)
    await _save(api, f"/g/{slug}/download.zip?of=all&rendition=web", out, prefix + "archive_")
    (out / f"answer-{prefix}page.html").write_text((await api.client.get(f"/g/{slug}")).text)


async def _save(api: Api, url: str, out: Path, prefix: str) -> None:
    found = await api.client.get(url)
    assert found.status_code == 200, (url, found.text[:200])
    kind = prefix + re.sub(r".*/media/[^/]+/([a-z]+)-.*|.*rendition=(\w+).*|.*(card)\.jpg", r"\1\2\3", url)
    suffix = found.headers["content-type"].partition("/")[2]
    number = len(list(out.glob(f"{kind}-*")))
    (out / f"{kind}-{number:04}.{suffix}").write_bytes(found.content)
    told = " ".join(f"{name}: {value}" for name, value in found.headers.items())
    (out / f"answer-headers-{kind}-{number:04}.txt").write_text(told)


def search(out: Path, report: Report) -> None:
    """Note every tag that tells, and every word that should not be there."""
    for path in sorted(out.iterdir()):
        kind = path.name.partition("-")[0]
        data = path.read_bytes()
        report.searched[kind] += 1
        if SECRET.encode() in data or SECRET.encode("utf-16-le") in data or SECRET.encode("utf-16-be") in data:
            report.found[f"{kind}: the word itself in {path.suffix}"] += 1
        if kind == "answer" and PLACE.search(data.decode("utf-8", "replace")):
            report.found[f"{kind}: the place"] += 1
    for tags in _tags(out):
        kind = Path(tags["SourceFile"]).name.partition("-")[0]
        for tag in tags:
            if (_BUILT.fullmatch(tag) and not _TELLING.fullmatch(tag)) or _ALLOWED.fullmatch(tag):
                continue
            report.found[f"{kind}: {tag}"] += 1


def _tags(out: Path) -> Iterator[dict[str, Any]]:
    names = [
        str(path) for path in sorted(out.iterdir()) if path.suffix != ".zip" and not path.name.startswith("answer-")
    ]
    for start in range(0, len(names), 200):
        yield from json.loads(_exiftool("-j", "-G1", "-a", "-u", "-ee", *names[start : start + 200]))


def told(paths: Sequence[Path]) -> Counter[str]:
    """How many photos carry what, so that finding nothing means something."""
    found: Counter[str] = Counter()
    wanted = {
        "GPS": "GPS:GPSLatitude", "serial": "SerialNumber", "owner": "OwnerName", "note": "Nikon:", "XMP": "XMP-",
        "IPTC": "IPTC:", "thumbnail": "ThumbnailImage",
    }  # fmt: skip
    for start in range(0, len(paths), 200):
        for tags in json.loads(_exiftool("-j", "-G1", "-a", *map(str, paths[start : start + 200]))):
            for name, part in wanted.items():
                found[name] += any(part in tag for tag in tags)
    return found


async def run(api: Api, folder: Path, count: int) -> tuple[Report, Counter[str]]:
    """Put a corpus through, and search what comes out."""
    inside, out = folder / "in", folder / "out"
    inside.mkdir()
    out.mkdir()
    paths = corpus(inside, count)
    report = Report(files=Counter(path.suffix for path in paths))
    carried = told(paths)
    await hand_out(api, paths, out, report)
    search(out, report)
    return report, carried


def main() -> int:
    """Print what was searched and found; 0 if nothing was."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=200)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="kilo-corpus-"))
    server = postgres.__wrapped__()  # type: ignore[attr-defined]
    try:
        report, carried = asyncio.run(_alone(next(server), folder, arguments.files))
    finally:
        next(server, None)
        shutil.rmtree(folder, ignore_errors=True)
    formats = ", ".join(f"{number} {name}" for name, number in sorted(report.files.items()))
    lines = [
        f"photos: {report.files.total()} ({formats})",
        f"carry: {dict(carried)}",
        f"searched: {dict(sorted(report.searched.items()))}",
        f"originals handed out as pictures: {report.substitutes['original']}",
        f"found: {report.found.total()}",
        *(f"  {times} x {what}" for what, times in report.found.most_common(40)),
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if report.found else 0


async def _alone(url: str, folder: Path, count: int) -> tuple[Report, Counter[str]]:
    home = folder / "home"
    home.mkdir()
    async with running(url, home) as api:
        return await run(api, folder, count)


if __name__ == "__main__":
    raise SystemExit(main())
