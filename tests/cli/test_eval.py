"""``birefnet-video eval`` as it is used."""

import json
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import ready
from birefnet_video.model.evaluation.pictures import METRICS
from birefnet_video.model.evaluation.video import VIDEO_METRICS
from pictures import make_set

SAMPLE = Path(__file__).parents[2] / "samples" / "training" / "orbit"


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return ready.run("eval", *map(str, arguments))


def predictions(folder: Path, truths: Path) -> Path:
    """Slightly blurred truths."""
    folder.mkdir(parents=True)
    for path in truths.iterdir():
        matte = cv2.GaussianBlur(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), (0, 0), 2)
        cv2.imwrite(str(folder / path.name), matte)
    return folder


def test_folders(tmp_path: Path) -> None:
    truths = make_set(tmp_path) / "gt"
    found = predictions(tmp_path / "pred", truths)
    ran = run("--pred", found, "--gt", truths, "--json")
    assert ran.returncode == 0, ran.stderr
    row = json.loads(ran.stdout)
    assert row["dataset"] == "discs" and row["pictures"] == 6
    assert set(METRICS) <= set(row)
    assert row["Smeasure"] > 0.85 and row["MAE"] < 0.1


def test_out_folder_keeps_everything_and_goes_on(tmp_path: Path) -> None:
    truths = make_set(tmp_path, count=9) / "gt"
    found = predictions(tmp_path / "pred", truths)
    out = tmp_path / "out"
    first = run("--pred", found, "--gt", truths, "--out", out, "--jobs", "2")
    assert first.returncode == 0, first.stderr
    assert first.stdout.startswith("| set | pictures | Smeasure")
    assert first.stdout == (out / "results.md").read_text()
    lines = (out / "discs.jsonl").read_text().splitlines()
    assert len(lines) == 9 and (out / "discs_worst.jpg").stat().st_size > 1000
    # What is known is not computed again: a forged score stays.
    forged = json.loads(lines[0])
    forged["values"]["MAE"] = 0.5
    (out / "discs.jsonl").write_text("\n".join([json.dumps(forged), *lines[1:]]) + "\n")
    assert run("--pred", found, "--gt", truths, "--out", out).stdout != first.stdout
    # As if it had been killed while it wrote the seventh line.
    (out / "discs.jsonl").write_text("\n".join(lines[:6]) + "\n" + lines[6][:50])
    again = run("--pred", found, "--gt", truths, "--out", out)
    assert again.stdout == first.stdout
    changed = truths / "0.png"
    cv2.imwrite(str(changed), 255 - cv2.imread(str(changed), cv2.IMREAD_GRAYSCALE))
    assert run("--pred", found, "--gt", truths, "--out", out).stdout != first.stdout


def test_several_sets(tmp_path: Path) -> None:
    for name in ("one", "two"):
        predictions(tmp_path / "pred" / name, make_set(tmp_path / "sets", name) / "gt")
    ran = run("--pred", tmp_path / "pred", "--gt", tmp_path / "sets", "--json")
    assert [json.loads(line)["dataset"] for line in ran.stdout.splitlines()] == ["one", "two"]
    make_set(tmp_path / "sets", "three")
    ran = run("--pred", tmp_path / "pred", "--gt", tmp_path / "sets", "--json")
    assert ran.returncode == 5 and "three: has no prediction" in ran.stderr


def test_missing_partners_sizes_and_depths(tmp_path: Path) -> None:
    truths = make_set(tmp_path) / "gt"
    found = predictions(tmp_path / "pred", truths)
    (found / "0.png").unlink()
    cv2.imwrite(str(found / "extra.png"), np.zeros((4, 4), np.uint8))
    matte = cv2.imread(str(found / "1.png"), cv2.IMREAD_GRAYSCALE)
    cv2.imwrite(str(found / "1.png"), cv2.resize(matte, None, fx=2, fy=2))
    cv2.imwrite(str(found / "2.png"), cv2.imread(str(found / "2.png"), cv2.IMREAD_GRAYSCALE).astype(np.uint16) * 257)
    (found / "3.png").write_bytes(b"broken")
    cv2.imwrite(str(found / "4.png"), np.zeros((80, 60), np.uint8))
    ran = run("--pred", found, "--gt", truths, "--json")
    assert ran.returncode == 5
    assert "4.png: the prediction is 60x80, the truth 80x60: another shape" in ran.stderr
    assert "0.png: has no prediction" in ran.stderr and "extra.png: has no truth" in ran.stderr
    assert "3.png: no readable picture" in ran.stderr
    row = json.loads(ran.stdout)
    assert row["pictures"] == 3 and row["Smeasure"] > 0.85


def test_a_network_on_a_set(tmp_path: Path) -> None:
    make_set(tmp_path, count=2, size=(96, 128))
    ran = run("--model", "tiny", "--data", tmp_path / "discs", "--size", "64", "--out", tmp_path / "out", "--json")
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["pictures"] == 2
    matte = cv2.imread(str(tmp_path / "out" / "mattes" / "discs" / "0.png"), cv2.IMREAD_UNCHANGED)
    assert matte.shape == (96, 128)
    assert (tmp_path / "out" / "discs_worst.jpg").exists()


def write_video(path: Path, codec: str, pixel_format: str, frames: list[np.ndarray]) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(25))
        stream.height, stream.width = frames[0].shape
        stream.pix_fmt = pixel_format
        for matte in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(matte, "gray").reformat(format=pixel_format)))
        container.mux(stream.encode(None))
    return path


def test_videos(tmp_path: Path) -> None:
    mattes = []
    for i in range(5):
        matte = np.zeros((64, 96), np.uint8)
        cv2.circle(matte, (30 + 4 * i, 32), 15, 255, -1)
        mattes.append(matte)
    truth = write_video(tmp_path / "truth.mkv", "ffv1", "gray", mattes)
    deep = write_video(tmp_path / "deep.mkv", "ffv1", "gray16le", mattes)
    limited = write_video(tmp_path / "limited.mkv", "ffv1", "yuv444p", mattes)
    for path in (truth, deep, limited):
        row = json.loads(run("--video", path, "--gt", truth, "--json").stdout)
        assert row["frames"] == 5 and set(VIDEO_METRICS) <= set(row)
        assert row["MAD"] < 2.5, path
    shorter = write_video(tmp_path / "short.mkv", "ffv1", "gray", mattes[:3])
    ran = run("--video", shorter, "--gt", truth, "--json")
    assert ran.returncode == 5 and "3 frames were compared" in ran.stderr
    other = write_video(tmp_path / "other.mkv", "ffv1", "gray", [matte[:32] for matte in mattes])
    assert run("--video", other, "--gt", truth).returncode == 2


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "give one of --pred, --data and --video"),
        (["--pred", "a", "--model", "tiny", "--data", "b"], 2, "not --pred and --data"),
        (["--pred", "a"], 2, "--pred needs --gt"),
        (["--model", "lite"], 2, "--model and --data go together"),
        (["--video", "a", "--gt", "b", "--out", "c"], 2, "--out means nothing with --video"),
        (["--model", "tiny", "--data", str(SAMPLE), "--size", "100"], 2, "no multiple of 32"),
        (["--pred", "nowhere", "--gt", "nowhere"], 66, "no such folder"),
        (["--model", "tiny", "--data", "nowhere"], 66, "is no set"),
        (["--video", "none.mkv", "--gt", "none.mkv"], 66, "no such file"),
    ],
)
def test_wrong_usage(arguments: list[str], code: int, words: str) -> None:
    ran = run(*arguments)
    assert ran.returncode == code and words in ran.stderr and len(ran.stderr.splitlines()) == 1
