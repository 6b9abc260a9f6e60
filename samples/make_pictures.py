"""Make the README's picture: frames of the sample, their mattes, and the subject over green.

python samples/make_pictures.py
"""

import tempfile
from pathlib import Path

import av
import cv2
import numpy as np

from birefnet_video import matte_video

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "samples" / "dog.mp4"
PICTURE = ROOT / "docs" / "dog.jpg"
#: Share of the clip at which each row of the picture is taken; the last is of its worst third.
PLACES = (0.11, 0.53, 0.97)
#: Width in pixels of one panel.
PANEL = 420


def frames(path: Path, indices: list[int], pixel_format: str) -> list[np.ndarray]:
    """The frames of a file at ``indices``, as arrays."""
    with av.open(str(path)) as container:
        return [f.to_ndarray(format=pixel_format) for i, f in enumerate(container.decode(video=0)) if i in indices]


def panel(picture: np.ndarray) -> np.ndarray:
    """A picture at the size of a panel."""
    height = round(PANEL * picture.shape[0] / picture.shape[1])
    return cv2.resize(picture, (PANEL, height), interpolation=cv2.INTER_AREA)


def main() -> None:
    """Run the program on the sample and lay out the picture."""
    with tempfile.TemporaryDirectory() as name:
        mask, green = Path(name) / "mask.mkv", Path(name) / "green.mp4"
        report = matte_video(SAMPLE, mask=mask, green=green)
        indices = [round(place * (report.frames - 1)) for place in PLACES]
        sources = frames(SAMPLE, indices, "rgb24")
        mattes = [np.repeat(m[..., None], 3, axis=2) for m in frames(mask, indices, "gray")]
        greens = frames(green, indices, "rgb24")
    rows = [np.hstack([panel(p) for p in row]) for row in zip(sources, mattes, greens, strict=True)]
    PICTURE.parent.mkdir(exist_ok=True)
    cv2.imwrite(str(PICTURE), cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR), (cv2.IMWRITE_JPEG_QUALITY, 88))
    print(f"wrote {PICTURE}")


if __name__ == "__main__":
    main()
