"""Signals of a photo, and the film strip, as GraphQL shows them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import strawberry

from kilo_gql.domain import filmstrip, signals
from schema.base import Connection, bounded, shows, text


@shows(signals.TileMap)
@strawberry.type(
    description="Where in the frame: maps of rows × columns bytes, row by row from the upper left, as base64."
)
class TileMap:
    """Three maps."""

    rows: int = text("Tiles from top to bottom.")
    columns: int = text("Tiles from left to right: at most 32 on the long edge.")
    sharpness: str = text("0 to 255 for a sharpness of 0 to 2; 0 also where nothing is to be sharp.")
    highlights: str = text("0 to 255: the share of a tile that is burnt out.")
    shadows: str = text("0 to 255: the share of a tile that is black.")


@shows(signals.Face)
@strawberry.type(
    description="A face, in parts of the upright frame. Right and left are the person's own; null: can't tell."
)
class Face:
    """A box, five points, sharpness and eyes."""

    x: float = text("Left edge: 0 to 1.")
    y: float = text("Upper edge: 0 to 1.")
    width: float = text("0 to 1.")
    height: float = text("0 to 1.")
    score: float = text("How surely it is one: 0 to 1.")
    sharpness: float | None = text("Sharpness of the half with the eyes, as that of the photo.")
    right_eye_open: float | None = text("How far the right eye is open: 0 to 1.")
    left_eye_open: float | None = text("How far the left eye is open: 0 to 1.")
    prominent: bool = text("Is it one of those that the photo is of? At least a quarter of the largest one.")
    landmarks: list[float] = bounded(
        "x and y of the eyes, the nose and the corners of the mouth, right before left.", 10
    )


@shows(signals.Signals)
@strawberry.type(
    description="The technical quality of a photo, measured in its preview. Null: can't tell. Most numbers compare "
    "frames of one scene; across scenes they mean little."
)
class Signals:
    """What ``kilo_gql.domain.signals`` shows."""

    version: int = text("Of the numbers: two versions do not compare. 0: the preview was replaced since.")
    measured_at: datetime = text("When they were last found to be these.")
    sharpness: float | None = text("Fine detail over coarse detail where most is: 0.4 is soft, 1.2 very sharp.")
    subject_sharpness: float | None = text("The same where the subject probably is.")
    motion: float | None = text("How much sharper along one direction than across: smeared above 0.3, if soft as well.")
    motion_angle: float | None = text("The direction of the smear: degrees clockwise from level.")
    noise: float | None = text("Standard deviation of luma, as a part of full scale.")
    brightness: float | None = text("EV above middle grey (18 %), mostly of the subject.")
    exposure_error: float | None = text("The size of that.")
    back_light: float | None = text("EV of the subject above its surround.")
    range_ev: float | None = text("EV from dark (2nd percentile) to bright (98th).")
    contrast: float | None = text("From the 10th to the 90th percentile of luma: 0 to 1.")
    highlight_clip: float | None = text("Share of the frame that is burnt out in any channel, glints left out.")
    highlight_clip_all: float | None = text("Share that is burnt out in all channels.")
    shadow_clip: float | None = text("Share that is black in all channels, specks left out.")
    shadow_clip_any: float | None = text("Share that is black in any channel.")
    specular: float | None = text("Share that is burnt out in glints and lamps.")
    colour: float | None = text("Mean chroma in CIE L*a*b*.")
    cast: float | None = text("Chroma that near-neutral tones lean to.")
    cast_angle: float | None = text("The hue of that, in degrees.")
    subject_size: float | None = text("The share of the frame that attention spreads over: 0 to 1.")
    centre_offset: float | None = text("From the middle (0) to a corner (1).")
    tilt: float | None = text("Degrees by which the frame leans: 0 to 12.")
    tiles: TileMap = text("Where in the frame.")
    face_models: str | None = text("With which models faces were sought; null: nobody looked.")
    faces: list[Face] | None = bounded("The faces, the largest first; null: nobody looked.", signals.FACES_MAX)


@shows(filmstrip.Frame)
@strawberry.type(description="A frame of the film strip.")
class FilmFrame:
    """A ``kilo_gql.domain.filmstrip.Frame``."""

    asset_id: UUID = text("The photo's id.")
    captured_at: datetime | None = text("The moment of the exposure.")
    camera: str | None = text("Which camera: make, model and serial number.")
    width_px: int | None = text("Width of the upright picture in pixels.")
    height_px: int | None = text("Height of the upright picture in pixels.")
    thumbhash: str | None = text("Base64 of a ThumbHash: what to show until the thumbnail is here.")
    thumbnail_url: str | None = text("Its 512 px thumbnail: an address that never changes its content.")
    blur: float | None = text(
        "0: as sharp as the sharpest of its neighbours, to 1. Null: not measured, or no neighbour to hold it against."
    )


FilmConnection = Connection[FilmFrame]
