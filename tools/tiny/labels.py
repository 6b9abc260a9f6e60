"""Labels that teachers make, a file a picture, made once; and which photographs the careful teacher looks at."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
from whole import write_picture_whole

from birefnet_video.pictures.files import list_pictures, read_matte, read_rgb

#: Alpha in [0, 255] at which a teacher neither sees the subject nor its absence.
_WAVERING = (38, 217)
_SEED = 0

Teacher = Callable[[np.ndarray], np.ndarray]


def label(teacher: Teacher, pictures: Mapping[str, Path], target: Path) -> dict[str, Path]:
    """Write ``target/<stem>.png`` of every picture that has none yet.

    Args:
        teacher: uint8 (H, W, 3) RGB -> float32 (h, w) in [0, 1].
        pictures: stem -> file.
        target: folder of the labels, uint8.

    Returns:
        stem -> label.
    """
    target.mkdir(parents=True, exist_ok=True)
    labels = {stem: target / f"{stem}.png" for stem in pictures}
    for stem, path in pictures.items():
        if not labels[stem].exists():
            write_picture_whole(labels[stem], (teacher(read_rgb(path)) * 255).round().astype(np.uint8))
    return labels


def doubt(alpha: np.ndarray) -> float:
    """Wavering pixels of a label, uint8 (H, W), over those of its subject; infinite without a subject."""
    inside = np.count_nonzero(alpha > 127)
    wavering = np.count_nonzero((alpha > _WAVERING[0]) & (alpha < _WAVERING[1]))
    return wavering / inside if inside else float("inf")


def choose_for_correction(
    labels: Mapping[str, Mapping[str, Path]], variety: Mapping[str, float], usable: Callable[[np.ndarray], bool]
) -> list[tuple[str, str]]:
    """Sets and stems in the order in which the careful teacher looks at them, by lot; ``variety`` brings forward.

    Args:
        labels: set -> stem -> the quick teacher's label.
        variety: set -> weight in (0, 1].
        usable: whether a label, uint8 (H, W), is of a subject worth the time.
    """
    rng = np.random.default_rng(_SEED)
    rows: list[tuple[float, str, str]] = []
    for name, files in sorted(labels.items()):
        for stem, path in sorted(files.items()):
            # Drawn for every picture: one that goes leaves the others' lots.
            lot = rng.random() / variety[name]
            if usable(read_matte(path)):
                rows.append((lot, name, stem))
    return [(name, stem) for _, name, stem in sorted(rows)]


def kept(folder: Path, left_out: Iterable[str]) -> dict[str, Path]:
    """Pictures of a folder by stem, but for those left out."""
    gone = set(left_out)
    return {stem: path for stem, path in list_pictures(folder).items() if stem not in gone}
