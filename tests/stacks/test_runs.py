"""What a run says, how it ends, and the bundled network on a volume."""

import errno
import os
import signal
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from volumes import ellipsoid, names, oblique, overlap, run_stack, use_stub, voxels

from birefnet_video.backends.base import Pending
from birefnet_video.backends.stub import StubBackend

Capsys = pytest.CaptureFixture[str]
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def save(path: str, inside: np.ndarray) -> None:
    nibabel.save(nibabel.Nifti1Image(voxels(inside), oblique((1, 1, 2))), path)


def test_the_bundled_network_finds_a_body_and_its_mask_is_aligned(capsys: Capsys) -> None:
    inside = ellipsoid((64, 56, 8))
    save("a.nii.gz", inside)
    call = ("--threshold", "0.5", "--size", "160", "--engine", "eager", "--device", "cpu", "-b", "1")
    ran = run_stack(capsys, "a.nii.gz", *call)
    assert ran.code == 0, ran.lines
    source, mask = nibabel.load("a.nii.gz"), nibabel.load("a.mask.nii.gz")
    assert np.array_equal(mask.affine, source.affine) and mask.shape == source.shape
    found = np.asarray(mask.dataobj) > 0
    # 0.977 was measured.
    assert overlap(found, inside) > 0.95


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_ended_leaves_nothing(number: int, monkeypatch: pytest.MonkeyPatch, capsys: Capsys) -> None:
    use_stub(monkeypatch)
    usual, ended = StubBackend.begin, [False]

    def begin(self: StubBackend, rgb: np.ndarray) -> Pending:
        # A second signal would end this process at once.
        if not ended[0]:
            os.kill(os.getpid(), number)
            ended[0] = True
        return usual(self, rgb)

    monkeypatch.setattr(StubBackend, "begin", begin)
    save("a.nii.gz", np.repeat(ellipsoid(), 3, axis=2))
    ran = run_stack(capsys, "a.nii.gz", "--json")
    assert ran.code == 128 + number
    assert ran.objects[-1]["event"] == "cancelled" and ran.objects[-1]["output"] is None
    assert names(Path()) == ["a.nii.gz"]


def test_a_full_disk_leaves_nothing_half_written(monkeypatch: pytest.MonkeyPatch, capsys: Capsys) -> None:
    use_stub(monkeypatch)
    save("a.nii.gz", ellipsoid())

    def fail(self: Any, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(nibabel.Nifti1Image, "to_filename", fail)
    ran = run_stack(capsys, "a.nii.gz")
    assert ran.code == 73 and "a.mask.nii.gz: cannot be written: No space left on device" in ran.lines[-1]
    assert names(Path()) == ["a.nii.gz"]


def test_options_that_mean_nothing_for_a_stack_are_refused(capsys: Capsys) -> None:
    save("a.nii.gz", ellipsoid())
    ran = run_stack(capsys, "a.nii.gz", "--series", "3")
    assert ran.code == 2 and "--series: a.nii.gz is no folder of DICOM" in ran.lines[-1]
    Path("in").mkdir()
    ran = run_stack(capsys, "in", "--volume", "1")
    assert ran.code == 2 and "--volume: in is no NIfTI file" in ran.lines[-1]


def test_what_is_wrong_is_the_last_object_of_json(capsys: Capsys) -> None:
    ran = run_stack(capsys, "gone.nii", "--json")
    assert ran.code == 66 and ran.objects[-1]["event"] == "failed"
    assert ran.objects[-1]["error"]["type"] == "InputMissing"


@pytest.mark.parametrize("place", ["docs/stacks.md", "README.md", "birefnet_video/commands/stack.py"])
def test_no_medical_claim_is_made_and_that_is_said(place: str) -> None:
    assert "no medical claim is made" in " ".join((ROOT / place).read_text(encoding="utf-8").lower().split())
