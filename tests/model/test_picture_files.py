"""Pictures as files."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from birefnet_video.pictures.files import PictureError, read_rgb


def test_a_damaged_picture_is_one_error_and_no_other_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "half.png"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(PictureError, match=r"half\.png"):
        read_rgb(path)
    assert capfd.readouterr() == ("", "")
