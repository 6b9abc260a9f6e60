"""Sets out of what two teachers say of photographs.

``rough``: U2Netp alone where it is sure of itself; what it wavers on, and a band along its edges, is unknown.
``agreed``: IS-Net where U2Netp agrees somewhat; what the two see differently is unknown, but for IS-Net's own edges.
``soft``: IS-Net's alpha where U2Netp agrees well.
"""

import os
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from bands import disk, unknown_band
from labels import doubt
from whole import whole_folder, write_picture_whole

from birefnet_video.pictures.files import read_matte, read_rgb

#: Set -> folder of its labels.
KINDS = {"rough": "trimap", "agreed": "trimap", "soft": "teacher"}
#: Least and greatest share of the pixels that U2Netp and IS-Net may take for the subject.
_AREA, _FINE_AREA = (0.02, 0.80), (0.02, 0.85)
#: Greatest doubt with which U2Netp's label counts alone, and with which IS-Net looks at all.
_SURE, _LOST = 0.30, 1.0
#: IoU of both teachers' labels from which on they agree somewhat, and well.
_SOMEWHAT, _WELL = 0.6, 0.8
#: Alpha in [0, 255] between which U2Netp, and IS-Net, waver; and beyond which IS-Net's is nothing or all.
_COARSE_WAVERING, _FINE_WAVERING, _SOFT = (38, 217), (50, 205), (10, 245)
#: Pixels on either side of IS-Net's edges in which it is believed, and of U2Netp's in which that is not.
_NEAR, _BAND = 5, 3
_UNKNOWN = 128


@dataclass(frozen=True, slots=True)
class Labelled:
    """A photograph and what teachers say of it."""

    name: str
    picture: Path
    coarse: Path
    """U2Netp's label."""
    fine: Path | None
    """IS-Net's label, if it looked."""


def is_usable(coarse: np.ndarray) -> bool:
    """Whether U2Netp's label, uint8 (H, W), shows a subject of some size, of which it knows something."""
    return _AREA[0] <= (coarse > 127).mean() <= _AREA[1] and doubt(coarse) < _LOST


def judge(coarse: np.ndarray, fine: np.ndarray | None, size: tuple[int, int]) -> tuple[str, np.ndarray] | None:
    """What becomes of a photograph.

    Args:
        coarse: U2Netp's label, uint8 (h, w).
        fine: IS-Net's, uint8 (H, W), or ``None``.
        size: H and W of the photograph.

    Returns:
        A name of ``KINDS`` and the label, uint8 (H, W); ``None``: the photograph is left out.
    """
    if not _AREA[0] <= (coarse > 127).mean() <= _AREA[1]:
        return None
    seen = cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_LINEAR)
    if fine is None:
        if doubt(coarse) > _SURE:
            return None
        trimap = unknown_band(seen, _BAND)
        trimap[(seen > _COARSE_WAVERING[0]) & (seen < _COARSE_WAVERING[1])] = _UNKNOWN
        return "rough", trimap
    one, other = fine > 127, seen > 127
    agreement = (one & other).sum() / max((one | other).sum(), 1)
    if agreement < _SOMEWHAT or not _FINE_AREA[0] <= one.mean() <= _FINE_AREA[1]:
        return None
    if agreement >= _WELL:
        return "soft", np.where(fine < _SOFT[0], 0, np.where(fine > _SOFT[1], 255, fine)).astype(np.uint8)
    inside = one.astype(np.uint8)
    near = cv2.dilate(inside, disk(_NEAR)) != cv2.erode(inside, disk(_NEAR))
    wavering = (fine > _FINE_WAVERING[0]) & (fine < _FINE_WAVERING[1])
    return "agreed", np.where(((one == other) | near) & ~wavering, inside * 255, _UNKNOWN).astype(np.uint8)


def make_teacher_sets(photographs: Iterable[Labelled], data: Path) -> None:
    """Make those of ``data/{rough,agreed,soft}`` that are not there yet."""
    wanted = [kind for kind in KINDS if not (data / kind).exists()]
    counts = dict.fromkeys(wanted, 0)
    with ExitStack() as stack:
        folders = {kind: stack.enter_context(whole_folder(data / kind)) for kind in wanted}
        for kind, folder in folders.items():
            for part in ("im", KINDS[kind]):
                (folder / part).mkdir(exist_ok=True)
        for each in photographs if wanted else ():
            size = read_rgb(each.picture).shape[:2]
            fine = None if each.fine is None else read_matte(each.fine)
            kind, found = judge(read_matte(each.coarse), fine, (size[0], size[1])) or ("", None)
            if kind in folders and found is not None:
                write_picture_whole(folders[kind] / KINDS[kind] / f"{each.name}.png", found)
                link = folders[kind] / "im" / f"{each.name}{each.picture.suffix}"
                if not link.exists():
                    os.link(each.picture, link)
                counts[kind] += 1
    for kind, count in counts.items():
        print(f"{kind}: {count} photographs", flush=True)
