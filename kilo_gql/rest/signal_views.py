"""What REST answers show of what was measured."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from kilo_gql.rest.views import View


class TileMapView(View):
    rows: int
    columns: int
    sharpness: str
    highlights: str
    shadows: str


class FaceView(View):
    x: float
    y: float
    width: float
    height: float
    score: float
    sharpness: float | None
    right_eye_open: float | None
    left_eye_open: float | None
    prominent: bool
    landmarks: list[float]


class SignalsView(View):
    version: int
    measured_at: datetime
    sharpness: float | None
    subject_sharpness: float | None
    motion: float | None
    motion_angle: float | None
    noise: float | None
    brightness: float | None
    exposure_error: float | None
    back_light: float | None
    range_ev: float | None
    contrast: float | None
    highlight_clip: float | None
    highlight_clip_all: float | None
    shadow_clip: float | None
    shadow_clip_any: float | None
    specular: float | None
    colour: float | None
    cast: float | None
    cast_angle: float | None
    subject_size: float | None
    centre_offset: float | None
    tilt: float | None
    tiles: TileMapView
    face_models: str | None
    faces: list[FaceView] | None


class FilmFrameView(View):
    asset_id: UUID
    captured_at: datetime | None
    camera: str | None
    width_px: int | None
    height_px: int | None
    thumbhash: str | None
    thumbnail_url: str | None
    blur: float | None
