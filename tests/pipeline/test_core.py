"""One way from a picture to its matte: files, stills, evaluation and cameras."""

import json
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from cameras import PaintedCamera, camera_info
from specs import asked, job_spec, live_spec
from stubs import INFO

from birefnet_video import api, matte_image, matte_images
from birefnet_video.backends import registry
from birefnet_video.backends.stub import StubBackend
from birefnet_video.jobs import Job
from birefnet_video.live.session import LiveSession
from birefnet_video.options.outputs import OutputSpec
from birefnet_video.pictures.files import read_rgb
from birefnet_video.pipeline.compositor_torch import DeviceCompositor

SAMPLE = Path(__file__).parents[2] / "samples" / "training"
QUICK = {"engine": "eager", "precision": "fp32", "device": "cpu", "size": (96, 160)}


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("set") / "one"
    (folder / "im").mkdir(parents=True)
    (folder / "gt").mkdir()
    rng = np.random.default_rng(7)
    for number in range(3):
        picture = cv2.GaussianBlur(rng.integers(0, 255, (150, 270, 3), np.uint8), (0, 0), 9)
        cv2.circle(picture, (90 + 40 * number, 75), 50, (30, 90, 220), -1, cv2.LINE_AA)
        cv2.imwrite(str(folder / "im" / f"{number}.png"), picture)
        truth = np.zeros((150, 270), np.uint8)
        cv2.circle(truth, (90 + 40 * number, 75), 50, 255, -1)
        cv2.imwrite(str(folder / "gt" / f"{number}.png"), truth)
    return folder


@pytest.mark.parametrize("edit", [{}, {"refine": False}, {"threshold": 0.4, "mask_offset": 2}])
def test_a_frame_a_still_and_what_is_evaluated_are_the_same(edit: dict[str, Any], shots: Path, tmp_path: Path) -> None:
    spec = job_spec(
        shots / "im" / "%d.png",
        [OutputSpec("mask", tmp_path / "m_%d.png")],
        **(QUICK | edit | {"batch_size": 1, "smooth": "off"}),
    )
    job = Job(spec)
    job.start()
    job.result()
    rendered = [cv2.imread(str(tmp_path / f"m_{n}.png"), cv2.IMREAD_UNCHANGED) for n in range(3)]
    pictures = [read_rgb(shots / "im" / f"{n}.png") for n in range(3)]
    stills = [(alpha * 255 + 0.5).astype(np.uint8) for alpha in matte_images(pictures, **(QUICK | edit))]
    words = ["--no-refine"] if edit.get("refine") is False else []
    words += ["--threshold", "0.4", "--mask-offset", "2"] if "threshold" in edit else []
    cpu = ["--engine", "eager", "--precision", "fp32", "--device", "cpu", "--size", "160x96"]
    assert asked("eval", "--data", str(shots), "--out", str(tmp_path / "out"), "--jobs", "1", *cpu, *words) == 0
    scored = [cv2.imread(str(tmp_path / "out" / "mattes" / "one" / f"{n}.png"), cv2.IMREAD_UNCHANGED) for n in range(3)]
    assert json.loads((tmp_path / "out" / "results.json").read_text())["one"]["pictures"] == 3
    for frame, still, evaluated in zip(rendered, stills, scored, strict=True):
        assert frame.shape == (150, 270) and 0 < frame.mean() < 255
        for other in (frame, evaluated):
            # Threads that share the work otherwise add up otherwise.
            far = np.abs(other.astype(int) - still)
            assert far.max() <= 1 and (far > 0).mean() < 0.01


def test_a_still_is_refined_along_its_edges_like_a_frame(shots: Path) -> None:
    rgb = read_rgb(shots / "im" / "0.png")
    rough, fine = (matte_image(rgb, refine=refine, **QUICK) for refine in (False, True))  # type: ignore[arg-type]
    assert rough.shape == fine.shape and not np.array_equal(rough, fine)


def test_a_network_is_loaded_once_for_all_stills(shots: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []
    real = registry.load_network
    monkeypatch.setattr(registry, "load_network", lambda model, *how: loaded.append(model) or real(model, *how))
    api._kept_open.cache_clear()
    rgb = read_rgb(shots / "im" / "0.png")
    first, again = matte_image(rgb, **QUICK), matte_image(rgb, **QUICK)  # type: ignore[arg-type]
    assert np.array_equal(first, again)
    once = len(loaded)
    assert once >= 1
    matte_image(read_rgb(shots / "im" / "1.png")[:100], **QUICK)  # type: ignore[arg-type]
    assert len(loaded) == once
    # Other options are another network.
    matte_image(rgb, **(QUICK | {"size": (64, 64)}))  # type: ignore[arg-type]
    assert len(loaded) > once
    api._kept_open.cache_clear()


def test_a_live_session_composes_on_the_networks_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    composed: list[int] = []
    real = DeviceCompositor.compose
    monkeypatch.setattr(
        DeviceCompositor, "compose", lambda self, matte, edit: composed.append(1) or real(self, matte, edit)
    )
    pictures = []
    for on in ("cpu", "device"):
        spec = live_spec(
            "x",
            [OutputSpec("composite", tmp_path / f"{on}.mkv", codec="ffv1")],
            **{"smooth": "off", "size": (96, 160), "compose_on": on, "decontaminate": "off"},
        )
        session = LiveSession(
            spec,
            open_camera=lambda: PaintedCamera(camera_info(tmp_path), count=4, rate=10),
            open_backend=lambda spec, width, height: StubBackend(
                type(INFO)("stub", "stub", "cpu", "none", (96, 160), 1)
            ),
        )
        session.start()
        session.wait()
        assert session.error is None
        with av.open(str(tmp_path / f"{on}.mkv")) as container:
            pictures.append(next(container.decode(video=0)).to_ndarray(format="gray"))
    assert composed
    far = np.abs(pictures[0].astype(int) - pictures[1].astype(int))
    assert pictures[0].std() > 5 and far.mean() < 0.5
