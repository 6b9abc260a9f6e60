"""EXR pictures with a channel for each subject, which FFmpeg's encoder cannot name."""

import struct
import zlib
from collections.abc import Sequence
from fractions import Fraction

import av
import numpy as np

from birefnet_video.colour.convert import plane_array

#: Code points of the format (OpenEXR File Layout): ``magic``, version 2, and the flag for names above 31 bytes.
_MAGIC, _VERSION, _LONG_NAMES, _SHORT_NAME = 20000630, 2, 0x400, 31
#: ``ZIP_COMPRESSION``, lines of one block of it, and the type of samples of half precision.
_ZIP, _LINES, _HALF = 3, 16, 1


class LayeredExr:
    """Encodes everybody's matte as ``Y`` and that of each subject as ``NAME.A``, in half precision.

    Any reader shows ``Y``; those that know layers find the subjects under their names.
    """

    def __init__(self, names: Sequence[str], size: tuple[int, int], aspect: Fraction) -> None:
        """
        Args:
            names: of the subjects.
            size: width and height of a picture.
            aspect: shape of a pixel, width to height.
        """
        self._size = size
        # Channels lie in the order of their names' bytes.
        self._channels = sorted([(b"Y", 0), *((f"{name}.A".encode(), n) for n, name in enumerate(names, 1))])
        self._head = self._header(aspect)

    def encode(self, picture: "av.VideoFrame | None") -> list[bytes]:
        """A file.

        Args:
            picture: float of everybody and of each subject, one below the other; ``None``: there are no more.
        """
        if picture is None:
            return []
        width, height = self._size
        planes = plane_array(picture, 0).reshape(-1, height, width)
        # Line by line, of each the channels one after the other.
        lines = np.stack([planes[index] for _, index in self._channels], axis=1).astype("<f2")
        blocks = []
        for first in range(0, height, _LINES):
            raw = lines[first : first + _LINES].tobytes()
            packed = _packed(raw)
            data = packed if len(packed) < len(raw) else raw
            blocks.append(struct.pack("<ii", first, len(data)) + data)
        offsets, at = [], len(self._head) + 8 * len(blocks)
        for block in blocks:
            offsets.append(at)
            at += len(block)
        return [b"".join((self._head, struct.pack(f"<{len(offsets)}Q", *offsets), *blocks))]

    def _header(self, aspect: Fraction) -> bytes:
        width, height = self._size
        channels = b"".join(name + b"\0" + struct.pack("<iB3xii", _HALF, 0, 1, 1) for name, _ in self._channels)
        window = struct.pack("<4i", 0, 0, width - 1, height - 1)
        attributes = (
            (b"channels", b"chlist", channels + b"\0"),
            (b"compression", b"compression", bytes([_ZIP])),
            (b"dataWindow", b"box2i", window),
            (b"displayWindow", b"box2i", window),
            (b"lineOrder", b"lineOrder", b"\0"),
            (b"pixelAspectRatio", b"float", struct.pack("<f", float(aspect))),
            (b"screenWindowCenter", b"v2f", struct.pack("<2f", 0, 0)),
            (b"screenWindowWidth", b"float", struct.pack("<f", 1)),
        )
        has_long_names = any(len(name) > _SHORT_NAME for name, _ in self._channels)
        made = struct.pack("<ii", _MAGIC, _VERSION | (_LONG_NAMES if has_long_names else 0))
        for name, kind, value in attributes:
            made += name + b"\0" + kind + b"\0" + struct.pack("<i", len(value)) + value
        return made + b"\0"


def _packed(raw: bytes) -> bytes:
    """A block as ZIP_COMPRESSION has it: bytes of even and odd places apart, as differences, deflated."""
    samples = np.frombuffer(raw, np.uint8)
    apart = np.concatenate((samples[::2], samples[1::2]))
    steps = apart.copy()
    steps[1:] = apart[1:] - apart[:-1] + np.uint8(128)
    return zlib.compress(steps.tobytes(), 4)
