"""Files that are no photos any more, or never were: each a function of a good JPEG and of chance."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable, Sequence
from typing import Final

_SOI, _EOI = b"\xff\xd8", b"\xff\xd9"
#: The widest and highest that still are less than 300 megapixels.
_WIDE, _HIGH = 65_000, 4_600
_MCU: Final = 8


def cut_short(scene: bytes, chance: random.Random) -> bytes:
    """The transfer from the card ended early."""
    return scene[: chance.randrange(len(scene) // 4, len(scene) * 3 // 4)]


def cut_in_header(scene: bytes, chance: random.Random) -> bytes:
    """Ended before the first pixel."""
    return scene[: chance.randrange(20, 200)]


def zeros(scene: bytes, chance: random.Random) -> bytes:
    """A card that lost power: as long as it should be, and nothing in the rest."""
    kept = chance.randrange(len(scene) // 4, len(scene) // 2)
    return scene[:kept] + bytes(len(scene) - kept)


def noise(scene: bytes, chance: random.Random) -> bytes:
    """Random bytes."""
    return chance.randbytes(100_000)


def noise_after_magic(scene: bytes, chance: random.Random) -> bytes:
    """Random bytes behind the first three of a JPEG."""
    return b"\xff\xd8\xff" + chance.randbytes(100_000)


def web_page(scene: bytes, chance: random.Random) -> bytes:
    """Something else with the name of a photo."""
    return b"<!doctype html><title>%d</title><script>alert(1)</script>" % chance.randrange(1 << 64)


def endless_png(scene: bytes, chance: random.Random) -> bytes:
    """A header that promises ten gigapixels."""
    size = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    return _png(size, zlib.compress(chance.randbytes(1_000)))


def interlaced_png(scene: bytes, chance: random.Random) -> bytes:
    """Just under the limit, 16 bits a sample and interlaced: it has to be held whole, 2.4 GB of it."""
    size = struct.pack(">IIBBBBB", _WIDE, _HIGH, 16, 6, 0, 0, 1)
    return _png(size, _zeros_deflated(_WIDE * _HIGH * 8) + chance.randbytes(8))


def progressive_bomb(scene: bytes, chance: random.Random) -> bytes:
    """A progressive CMYK just under the limit, of which a decoder must keep all coefficients: 2.4 GB out of 2 MB."""
    blocks = 4 * -(-_WIDE // _MCU) * -(-_HIGH // _MCU)
    components = b"".join(bytes((number, 0x11, 0)) for number in (1, 2, 3, 4))
    # one code, one bit long: "no difference", for every block
    one_code = bytes((1, *[0] * 15, 0))
    return b"".join((
        _SOI,
        _segment(0xFE, chance.randbytes(16)),
        _segment(0xDB, bytes(1) + bytes([1]) * 64),
        _segment(0xC2, struct.pack(">BHHB", 8, _HIGH, _WIDE, 4) + components),
        _segment(0xC4, bytes(1) + one_code),
        _segment(0xDA, bytes((4, 1, 0, 2, 0, 3, 0, 4, 0, 0, 0, 0))),
        bytes(-(-blocks // 8)),
        _EOI,
    ))  # fmt: skip


def _segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


def _png(header: bytes, data: bytes) -> bytes:
    chunks = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def _zeros_deflated(count: int) -> bytes:
    """A zlib stream of at least ``count`` zeros, without its checksum, and without making them all."""
    block = 1 << 26
    packer = zlib.compressobj(9)
    start = packer.compress(bytes(block)) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(bytes(block)) + packer.flush(zlib.Z_FULL_FLUSH)
    return start + again * (count // block) + packer.flush()


SPOILERS: Final[Sequence[Callable[[bytes, random.Random], bytes]]] = (
    cut_short,
    progressive_bomb,
    cut_in_header,
    noise,
    interlaced_png,
    zeros,
    noise_after_magic,
    web_page,
    endless_png,
)
