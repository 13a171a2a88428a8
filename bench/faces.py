"""How well faces are found and eyes are read on photos of your own, with the models you have, and what it costs.

``python -m bench.faces --detector yunet.onnx --landmarker face_landmarker.task --faces DIR --none DIR``: a folder of
photos that show at least one face each, eyes open, and one of photos without any, both read to any depth. Time is CPU
time of one core. Where a photo is smaller than the preview that is measured, it is scaled up, which helps nobody.

Shut eyes are drawn: the lid is drawn down over each eye, lashes and all. A drawing is not a blink: what counts is
whether an eye scores lower for it. Blurs are those of ``ml.evaluation.degradations``, at half the size a photo has, so
that the sharp one is sharp to the pixel.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pyvips
from numpy.typing import NDArray

from ml import faces, sharpness
from ml.evaluation.degradations import REFERENCE_PX, defocus, motion
from ml.faces import Face, Models
from ml.faces.patches import Square, sampled
from ml.planes import Bytes, Doubles, Floats

PREVIEWS: Final = (1024, 2048)
HEIGHTS: Final = (32, 48, 64, 96, 128)
#: Lid points of the right and the left eye, from the outer to the inner corner: above, below, and of the fold above.
LIDS: Final = (
    (
        (33, 246, 161, 160, 159, 158, 157, 173, 133),
        (33, 7, 163, 144, 145, 153, 154, 155, 133),
        (130, 247, 30, 29, 27, 28, 56, 190, 243),
    ),
    (
        (263, 466, 388, 387, 386, 385, 384, 398, 362),
        (263, 249, 390, 373, 374, 380, 381, 382, 362),
        (359, 467, 260, 259, 257, 258, 286, 414, 463),
    ),
)
#: Noise of the sharp and of the blurred frame, as a share of the range.
NOISES: Final = ((0.01, 0.01), (0.03, 0.03), (0.01, 0.04), (0.03, 0.01))


class Portrait(NamedTuple):
    """An upright face with some room, the same with its eyes drawn shut, and where the face is in it, in pixels."""

    picture: Bytes
    shut: Bytes
    box: Doubles
    eyes: Doubles


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    for name in ("--detector", "--landmarker", "--faces", "--none"):
        parser.add_argument(name, type=Path, required=True)
    given = parser.parse_args()
    models = faces.models(given.detector, given.landmarker)
    for edge in (None, *PREVIEWS):
        print(f"\npreviews of {edge} px" if edge else "\nphotos as they are")
        found(models, given.faces, edge)
        hits = [bool(faces.find(photo, Models(models.detector))) for photo in photos(given.none, edge)]
        print(f"  without a face: {sum(hits)} hits in {len(hits)}")
    lids([cut for photo in photos(given.faces, None) for cut in portraits(photo, models)], models)
    blurs(models, given.faces)


def photos(folder: Path, edge: int | None) -> Iterator[Bytes]:
    """Upright sRGB, the long edge scaled to ``edge``."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        image = pyvips.Image.new_from_file(str(path)).autorot().colourspace("srgb")
        image = image.flatten() if image.hasalpha() else image
        yield np.asarray((image.resize(edge / max(image.width, image.height)) if edge else image).cast("uchar").numpy())


def found(models: Models, folder: Path, edge: int | None) -> None:
    """Prints how many photos have a face found, how open the eyes look, and the time."""
    counts, eyes, bare, full = [], [], [], []
    for photo in photos(folder, edge):
        detail = sharpness.measure(photo)
        bare.append(cpu(faces.find, photo, Models(models.detector), detail)[1])
        seen, seconds = cpu(faces.find, photo, models, detail)
        full.append(seconds)
        counts.append(len(seen))
        eyes.append(faces.eyes_open(seen))
    told = np.array(eyes)[np.isfinite(eyes)]
    print(f"  with a face: {np.count_nonzero(counts)} of {len(counts)} found, {sum(counts)} faces in all")
    print(f"  the worst eye of {len(told)}: {spread(told)}")
    print(f"  CPU ms a photo, median: {np.median(bare) * 1e3:.0f} to find, {np.median(full) * 1e3:.0f} with eyes")


def portraits(photo: Bytes, models: Models) -> list[Portrait]:
    """Of the faces of a photo whose eyes are told, both of them."""
    cuts = []
    for face in (face for face in faces.find(photo, models) if None not in face.eyes_open):
        picture = upright(photo, face)
        box, eyes = pixels(max(faces.find(picture, models), key=lambda face: face.box.area), picture)
        assert models.landmarker is not None
        points, _ = models.landmarker.points(picture, box, *eyes)
        cuts.append(Portrait(picture, shut(picture, points), box, eyes))
    return cuts


def upright(photo: Bytes, face: Face) -> Bytes:
    box, eyes = pixels(face, photo)
    side, (x, y) = float(box[3] * 2.1), eyes[1] - eyes[0]
    middle = box[:2] + box[2:] / 2
    cut = sampled(
        photo, Square(float(middle[0]), float(middle[1]), side, float(np.arctan2(y, x))), int(min(side, 1000))
    )
    return as_bytes(cut)


def pixels(face: Face, photo: Bytes) -> tuple[Doubles, Doubles]:
    """Its box, and its right and left eye (2, 2)."""
    size = np.array(photo.shape[1::-1], np.float64)
    return np.array(face.box) * np.tile(size, 2), np.array(face.landmarks[:2]) * size


def shut(picture: Bytes, points: Doubles) -> Bytes:
    """With the skin between the fold and the upper lid of each eye stretched to the lower lid, column by column."""
    drawn = picture.copy()
    for above, below, fold in (tuple(points[list(line), :2] for line in eye) for eye in LIDS):
        for x in range(int(np.ceil(above[:, 0].min())), int(above[:, 0].max()) + 1):
            lid, end, start = (np.interp(x, *line[np.argsort(line[:, 0])].T) for line in (above, below, fold))
            lashes, start = lid + 0.15 * (end - lid), min(start, lid - 1)
            to = np.arange(int(np.ceil(start)), int(end + 1) + 1).clip(0, len(picture) - 1)
            at = start + (to - start) * (lashes - start) / max(end + 1 - start, 1e-3)
            drawn[to, x] = picture[at.round().astype(np.intp).clip(0, len(picture) - 1), x]
    return drawn


def lids(cuts: list[Portrait], models: Models) -> None:
    """Prints how much lower eyes score when they are drawn shut, by how large the face is."""
    print("\neyes drawn shut, by the height of the face in pixels")
    for height in HEIGHTS:
        pairs = [
            [worst(picture, height, cut, models) for picture in (cut.picture, cut.shut)]
            for cut in cuts
            if cut.box[3] >= height
        ]
        opened, closed = np.array(pairs).T
        lower, chance = np.mean(closed < opened), np.mean(closed[:, None] < opened)
        print(f"  {height}: lower in {lower:.2f} of {len(pairs)}; of any two faces the shut one in {chance:.2f}")
        print(f"    open {spread(opened)}; shut {spread(closed)}")


def worst(picture: Bytes, height: int, cut: Portrait, models: Models) -> float:
    """The worse eye of a face scaled to this height, however small."""
    scale = height / float(cut.box[3])
    small = np.asarray(pyvips.Image.new_from_array(picture).resize(scale).cast("uchar").numpy())
    landmarker = models.landmarker
    assert landmarker is not None
    points, _ = landmarker.points(small, cut.box * scale, *cut.eyes * scale)
    return min(landmarker.open_of(points))


def blurs(models: Models, folder: Path) -> None:
    """Prints how often the largest face of a sharp frame measures sharper than the same in a blurred one."""
    print("\nthe largest face of the first frame is the sharper one, by what was done to the second and their noise")
    margins: dict[tuple[str, tuple[float, float]], list[float]] = {}
    for photo in photos(folder, None):
        half = np.asarray(pyvips.Image.new_from_array(photo).resize(0.5).cast("uchar").numpy())
        largest = max(faces.find(half, Models(models.detector)), key=lambda face: face.box.area)
        scale, still = REFERENCE_PX / max(half.shape), np.random.default_rng(0)
        blurred = {"nothing": half} | {f"defocus {r} px": defocus(half, r * scale / 4, still) for r in (1.5, 2.5)}
        blurred["motion 5 px"] = motion(half, 5 * scale / 20, np.random.default_rng(1))
        for (name, soft), noises in itertools.product(blurred.items(), NOISES):
            pair = (
                noisy(each, sigma, seed) for seed, (each, sigma) in enumerate(zip((half, soft), noises, strict=True))
            )
            values = [of_face(each, largest) for each in pair]
            if np.isfinite(values).all():
                margins.setdefault((name, noises), []).append(values[0] - values[1])
    for (name, noises), by in margins.items():
        share = f"{np.mean(np.array(by) > 0):.3f} of {len(by)}, by {np.median(by):.3f} (median)"
        print(f"  {name}, noise {noises[0]:.2f} and {noises[1]:.2f}: {share}")


def of_face(photo: Bytes, face: Face) -> float:
    x, y, width, height = pixels(face, photo)[0].tolist()
    rows, columns, _ = photo.shape
    return sharpness.of_box(sharpness.measure(photo), rows, columns, (x, y, width, height * faces.EYES_HALF))


def noisy(photo: Bytes, sigma: float, seed: int) -> Bytes:
    random = np.random.default_rng(seed)
    return as_bytes(photo / np.float32(255) + sigma * random.standard_normal(photo.shape, np.float32))


def as_bytes(values: NDArray[np.floating]) -> Bytes:
    return np.asarray(np.clip(values, 0, 1) * 255 + 0.5).astype(np.uint8)


def cpu(work: Callable[..., tuple[Face, ...]], *given: object) -> tuple[tuple[Face, ...], float]:
    """What the work gives, and the CPU seconds of this thread that it took."""
    before = time.thread_time()
    return work(*given), time.thread_time() - before


def spread(values: Floats | Doubles) -> str:
    low, tenth, half, most, high = np.percentile(values, [0, 10, 50, 90, 100])
    return f"{low:.2f} to {high:.2f} (10 % {tenth:.2f}, 50 % {half:.2f}, 90 % {most:.2f})"


if __name__ == "__main__":
    main()
