"""Whole numbers of eight bits: where their pictures come from, what is said of them, and that nothing else happens."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from attrs import evolve
from clips import make_clip
from pictures import make_set

from birefnet_video.backends import quantise
from birefnet_video.backends.cache import EngineCache
from birefnet_video.backends.calibration import Calibration, calibration_of
from birefnet_video.backends.engines import openvino
from birefnet_video.backends.registry import load_backend, open_backend
from birefnet_video.errors import BackendUnavailable, InputMissing, NotAVideo, UsageError
from birefnet_video.inputs import sampling as spread
from birefnet_video.inputs.probe import probe
from birefnet_video.inputs.sampling import spread_pictures
from birefnet_video.options.network import BackendSpec

SIZE = (64, 96)
SPEC = BackendSpec(size=SIZE, device="cpu", engine="openvino", precision="int8")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "in.mp4", frames=24, size=(96, 64))


def test_a_clip_is_calibrated_on_itself_once(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a stand-in for NNCF; the conformance suite has the library itself."""

    def copied(source: Path, target: Path, views: np.ndarray, in_float: list[str], *, is_transformer: bool) -> None:
        assert views.shape == (24, 3, *SIZE) and len(in_float) == 8 and not is_transformer
        for suffix in (".xml", ".bin"):
            shutil.copy(source.with_suffix(suffix), target.with_suffix(suffix))

    monkeypatch.setattr(openvino, "quantise", copied)
    monkeypatch.setattr("birefnet_video.backends.registry.default_cache", lambda: EngineCache(tmp_path))
    told: list[str] = []
    backend = open_backend(SPEC, probe(clip), told.append)
    assert backend.info.precision == "int8" and backend.infer(np.zeros((1, *SIZE, 3), np.uint8)).shape == (1, *SIZE)
    backend.close()
    assert any("calibrating on 24 frames of in.mp4" in each for each in told)
    assert "int8 changes alpha by 0.0000" in told[-1] and "on 6 frames of in.mp4" in told[-1]
    again: list[str] = []
    open_backend(SPEC, probe(clip), again.append).close()
    # The price is said at every start.
    assert again == told[-1:]
    assert [path.name for path in tmp_path.rglob("*.xml")] == ["network.xml"]


def test_what_has_no_pictures_says_how_to_name_some(tmp_path: Path) -> None:
    with pytest.raises(BackendUnavailable, match="calibrated on pictures") as error:
        load_backend(SPEC, 96, 64, cache=EngineCache(tmp_path))
    assert "--calibration" in str(error.value)
    with pytest.raises(UsageError, match="goes with --precision int8"):
        BackendSpec(calibration=tmp_path)


def test_a_library_that_is_missing_names_its_extra(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantise, "find_spec", lambda name: None)
    with pytest.raises(BackendUnavailable, match=r"birefnet-video\[int8\]"):
        load_backend(SPEC, 96, 64, cache=EngineCache(tmp_path), calibration=calibration_of(clip))


def test_a_short_clip_is_worth_it_if_nothing_else_has_it_and_all_reasons_are_given(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantise, "find_spec", lambda name: None)
    with pytest.raises(BackendUnavailable, match=r"openvino: int8 needs NNCF; eager: has no int8") as error:
        load_backend(
            evolve(SPEC, engine="auto"),
            96,
            64,
            frames=3,
            cache=EngineCache(tmp_path),
            calibration=calibration_of(clip),
        )
    assert "birefnet-video[int8]" in str(error.value)


def test_a_failure_of_the_other_process_is_one_line_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho Traceback >&2\necho 'ValueError: no graph' >&2\nexit 1\n")
    python.chmod(0o755)
    monkeypatch.setattr(quantise.sys, "executable", str(python))
    views = np.zeros((1, 3, *SIZE), np.float32)
    with pytest.raises(BackendUnavailable, match="NNCF fails: ValueError: no graph"):
        quantise.quantise(tmp_path / "in.xml", tmp_path / "out.xml", views, [], is_transformer=False)
    assert [path.name for path in tmp_path.iterdir()] == ["python"]


def test_a_folder_and_a_clip_give_pictures_of_the_networks_size(clip: Path, tmp_path: Path) -> None:
    folder = make_set(tmp_path)
    for source, least in ((folder, 6), (clip, 24)):
        calibration = calibration_of(source)
        views = calibration.views(SIZE)
        assert len(views) == least and all(view.shape == (*SIZE, 3) and view.dtype == np.uint8 for view in views)
        assert calibration.key == calibration_of(source).key
    before = calibration_of(folder).key
    next(folder.rglob("*.jpg")).unlink()
    assert calibration_of(folder).key != before
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputMissing, match="holds no picture"):
        calibration_of(tmp_path / "empty")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "a.png").write_bytes(b"none")
    assert calibration_of(tmp_path / "broken").views(SIZE) == []
    with pytest.raises(NotAVideo):
        calibration_of(tmp_path / "broken" / "a.png")


def test_pictures_that_cannot_be_read_are_left_out_and_named(tmp_path: Path) -> None:
    folder = make_set(tmp_path)
    (next(folder.rglob("*.jpg")).parent / "aaa.png").write_bytes(b"none")
    told: list[str] = []
    assert len(calibration_of(folder, tell=told.append).views(SIZE)) == 6
    assert len(told) == 1 and told[0].startswith("--calibration: left out: ") and "aaa.png" in told[0]


def test_a_part_of_a_clip_is_calibrated_on_all_of_it(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Calibration] = []
    monkeypatch.setattr(
        "birefnet_video.backends.registry.load_backend", lambda *_, calibration, **__: asked.append(calibration)
    )
    whole = probe(clip)
    for media in (whole, replace(whole, frame_count=5, duration_s=0.2)):
        open_backend(SPEC, media, lambda message: None)
    assert asked[0].key == asked[1].key and len(asked[1].views(SIZE)) == 24


def test_a_clip_is_known_by_what_it_holds_and_a_sequence_by_its_files(clip: Path, tmp_path: Path) -> None:
    copy = tmp_path / "other.mp4"
    shutil.copy(clip, copy)
    assert calibration_of(copy).key == calibration_of(clip).key
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"a_{number}.png"), np.full((64, 96, 3), 90 * number, np.uint8))
    before = calibration_of(tmp_path / "a_%d.png")
    assert [round(float(view.mean())) for view in before.views(SIZE)] == [0, 90, 180]
    cv2.imwrite(str(tmp_path / "a_1.png"), np.full((64, 96, 3), 7, np.uint8))
    assert calibration_of(tmp_path / "a_%d.png").key != before.key


@pytest.mark.parametrize(
    ("frames", "keyframes", "suffix"),
    [(10, 12, "mp4"), (200, 10, "mp4"), (200, 400, "mp4"), (210, 250, "mkv"), (210, 10, "h264")],
)
def test_pictures_lie_all_over_the_clip(
    frames: int, keyframes: int, suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many keyframes, few, one alone, searched for and not, and a file that does not tell how many frames it has."""
    path = tmp_path / f"in.{suffix}"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"g": str(keyframes), "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(frames):
            grey = np.full((48, 64, 3), 40 + index, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, "rgb24")))
        container.mux(stream.encode(None))
    for whole in (spread._WHOLE, frames - 1) if keyframes < frames else (spread._WHOLE,):
        monkeypatch.setattr(spread, "_WHOLE", whole)
        pictures = list(spread_pictures(probe(path), 8))
        # Of a short clip that says how long it is exactly as many as were asked for.
        assert (8 if whole > frames and suffix != "h264" else 4) <= len(pictures) <= 8
        found = [round(float(picture.to_ndarray(format="gray").mean())) for picture in pictures]
        assert len(set(found)) == len(found)
        # From the first quarter to the last.
        assert min(found) < 40 + frames / 4 and max(found) > 30 + frames * 3 / 4 - 2


def test_onnx_runtime_tells_its_makers_nothing(tmp_path: Path) -> None:
    """It would keep a name of the machine and what it was used for in the user's cache."""
    code = "from birefnet_video.backends.engines.onnx import load_library; load_library().get_available_providers()"
    folders = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"} | folders
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    assert not list(tmp_path.iterdir())


def test_the_process_that_calibrates_ends_with_the_one_that_waits() -> None:
    """Also if that is gone before it looks for the first time."""
    child = "import sys; from birefnet_video.backends import apart; apart.end_with(int(sys.argv[1]))"
    code = "import os, subprocess, sys; "
    code += "subprocess.Popen([sys.executable, '-c', sys.argv[1], str(os.getpid())]); os._exit(0)"
    # What both write to is closed, and this returns, when the child has ended, too.
    subprocess.run([sys.executable, "-c", code, child], capture_output=True, check=True, timeout=60)


def test_openvino_tells_its_makers_nothing(tmp_path: Path) -> None:
    """It would count every import of it, by a name that it keeps in the home folder."""
    code = "from birefnet_video.backends.engines.openvino import load_library as load; load(); import sys; "
    code += "print([name for name in sys.modules if name.startswith('openvino_telemetry.')])"
    environment = os.environ | {"HOME": str(tmp_path), "CI": ""}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert not list(tmp_path.iterdir())
