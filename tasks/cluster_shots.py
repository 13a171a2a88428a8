"""A project's photos as grouping compares them."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

import numpy as np

from kilo_gql.domain.clocks import camera_key
from kilo_gql.domain.joining import RAW_FORMATS
from ml.grouping.shots import Drive, Ints, Shots

#: Codes are hashes of so many bits: the same for the same thing, whatever else is in the project.
_BITS: Final = 63
#: A camera's counter: the last number of a file name; a name that holds a date is a time and has none.
_COUNTER: Final = re.compile(r"(?<!\d)(\d{3,7})(?!\d)(?!.*\d{3})")
_DATE: Final = re.compile(r"\d{8}")
_DRIVES: Final = {drive.name.lower(): int(drive) for drive in Drive}
_UNKNOWN: Final = -1
_SERIAL_SHOWN: Final = 4


@dataclass(frozen=True, slots=True)
class Camera:
    """A body: its ``key`` (hexadecimal) and what people call it."""

    key: str
    label: str

    @property
    def code(self) -> int:
        return int(self.key, 16) >> 1


def cameras_of(photos: Sequence[Any]) -> list[Camera | None]:
    """The camera of each photo; None where the file does not say which."""
    known: dict[tuple[str | None, str | None, str | None], Camera | None] = {}
    found = []
    for photo in photos:
        names = photo.camera_make, photo.camera_model, photo.camera_serial
        if names not in known:
            known[names] = _camera(*names)
        found.append(known[names])
    return found


def _camera(make: str | None, model: str | None, serial: str | None) -> Camera | None:
    key = camera_key(make, model, serial)
    if key is None or model is None:
        return None
    maker = (make or "").split(" ")[0]
    name = model if model.lower().startswith(maker.lower()) else f"{maker} {model}"
    return Camera(key, name if serial is None else f"{name} …{serial[-_SERIAL_SHOWN:]}")


def numbered(photos: Sequence[Any]) -> tuple[list[Any], Ints]:
    """The photos in the order of their numbers, and these: they follow from the bytes, so that the order in which
    photos came does not count.
    """
    codes = [_digits(photo.sha256) if photo.sha256 is not None else _code(str(photo.id)) for photo in photos]
    if len(set(codes)) < len(codes):
        codes = _unlike(codes, photos)
    ids = np.array(codes, np.int64)
    order = np.argsort(ids)
    return [photos[at] for at in order.tolist()], ids[order]


def _unlike(codes: list[int], photos: Sequence[Any]) -> list[int]:
    """Of photos whose numbers are equal, all but one get others."""
    counts = Counter(codes)
    return [
        code if counts[code] == 1 else _code(f"{code} {photo.id}") for code, photo in zip(codes, photos, strict=True)
    ]


def shots_of(photos: Sequence[Any], ids: Ints, cameras: Sequence[Camera | None]) -> Shots:
    """The columns of ``ml.grouping.shots.Shots``, with the times that the cameras' own clocks say."""
    stems: dict[str, tuple[int, int]] = {}
    for photo in photos:
        if photo.stem not in stems:
            stems[photo.stem] = _code(photo.stem), _counter(photo.stem)
    return Shots.of(
        _floats(photos, "time_s"),
        ids=ids,
        content=ids,
        has_subsec=_fine(photos, cameras),
        camera=np.array([_UNKNOWN if camera is None else camera.code for camera in cameras], np.int64),
        drive=np.array([_DRIVES.get(photo.drive_mode, _UNKNOWN) for photo in photos], np.int64),
        exposure_bias=_floats(photos, "exposure_bias_ev"),
        exposure_time_s=_floats(photos, "exposure_time_s"),
        aperture=_floats(photos, "aperture"),
        iso=_floats(photos, "iso"),
        focal_length=_floats(photos, "focal_length_mm"),
        flash=np.array([_UNKNOWN if photo.flash_fired is None else photo.flash_fired for photo in photos], np.int64),
        counter=np.array([stems[photo.stem][1] for photo in photos], np.int64),
        stem=np.array([stems[photo.stem][0] for photo in photos], np.int64),
        raw=np.array([photo.format in RAW_FORMATS for photo in photos]),
    )


def _fine(photos: Sequence[Any], cameras: Sequence[Camera | None]) -> Any:
    """Whether a time is finer than a second: some cameras write the field and always fill it with zeros."""
    says = [photo.sub_seconds is not None and photo.sub_seconds.isdigit() for photo in photos]
    means = {
        camera
        for photo, camera, digits in zip(photos, cameras, says, strict=True)
        if digits and photo.sub_seconds.strip("0")
    }
    return np.array([digits and camera in means for camera, digits in zip(cameras, says, strict=True)], np.bool_)


def corrected(shots: Shots, cameras: Sequence[Camera | None], offsets: Mapping[str, float]) -> Shots:
    """The shots at the times they were taken. ``offsets``: seconds that a camera's clock is ahead, by its key."""
    ahead = [0.0 if camera is None else offsets.get(camera.key, 0.0) for camera in cameras]
    return replace(shots, time_s=shots.time_s - np.array(ahead, np.float64))


def _floats(photos: Sequence[Any], name: str) -> Any:
    return np.array([getattr(photo, name) for photo in photos], np.float64)


def _counter(stem: str) -> int:
    found = None if _DATE.search(stem) else _COUNTER.search(stem)
    return _UNKNOWN if found is None else int(found[1])


def _digits(sha256: str) -> int:
    return int(sha256[:16], 16) >> (64 - _BITS)


def _code(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) >> (64 - _BITS)


def numbers_by_asset(photos: Sequence[Any], ids: Ints) -> dict[UUID, int]:
    """The number of each photo, by the id of its asset."""
    return dict(zip((photo.id for photo in photos), ids.tolist(), strict=True))
