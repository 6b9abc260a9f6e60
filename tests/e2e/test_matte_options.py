"""Smoothing, edges, colours and edits of a whole job: what goes in and what comes out."""

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import ready
from birefnet_video.model.evaluation.video import flicker_error
from clips import audio_payload, decode_alpha, read_times
from clips import make_clip as make_plain_clip
from moving import HEIGHT, WIDTH, Clip, make_clip
from specs import job_spec
from stubs import INFO

from birefnet_video.backends.stub import StubBackend
from birefnet_video.events import JobEvent, JobReport, SceneCut
from birefnet_video.inputs.read_alpha import read_mattes
from birefnet_video.jobs import Job
from birefnet_video.options.matte import ColourSpec, MatteSpec
from birefnet_video.options.outputs import OutputSpec

GREEN = (0, 177, 64)


class Recorded(StubBackend):
    """In place of a network: mattes that are known, in order."""

    def __init__(self, mattes: list[np.ndarray]) -> None:
        super().__init__(replace(INFO, input_size=mattes[0].shape, batch_size=1))
        self._mattes = iter(mattes)

    def infer(self, rgb: np.ndarray) -> np.ndarray:
        return np.stack([next(self._mattes) for _ in rgb])


def write(path: Path, pictures: list[np.ndarray], times: list[int]) -> Path:
    """A lossless film whose frames are shown at ``times``, in milliseconds."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "bgr0"
        stream.codec_context.time_base = Fraction(1, 1000)
        for picture, time in zip(pictures, times, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format="bgr0")
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def run(
    source: Path, mattes: list[np.ndarray], outputs: dict[str, Path], **options: object
) -> tuple[JobReport, list[JobEvent]]:
    kinds = {"green": "composite"}
    made = tuple(OutputSpec(kinds.get(kind, kind), path) for kind, path in outputs.items())  # type: ignore[arg-type]
    spec = job_spec(source, made, overwrite=True, **options)  # type: ignore[arg-type]
    job = Job(spec, open_backend=lambda spec, info, tell: Recorded(mattes))
    events: list[JobEvent] = []
    job.subscribe(events.append)
    job.start()
    return job.result(), events


@pytest.fixture(scope="module")
def shots() -> Clip:
    first, second = make_clip(8, 2, missing=(4,)), make_clip(6, 2, seed=60)
    return Clip(first.rgb + second.rgb, first.truth + second.truth, first.found + second.found)


def flicker(found: list[np.ndarray], truth: list[np.ndarray], cut: int) -> float:
    pairs = [index for index in range(1, len(truth)) if index != cut]
    return float(np.mean([flicker_error(found[i], found[i - 1], truth[i], truth[i - 1]) for i in pairs]))


def test_a_job_smooths_and_keeps_every_frame_at_its_time(shots: Clip, tmp_path: Path) -> None:
    times = [0, 40, 80, 170, 210, 250, 290, 330, 400, 440, 480, 520, 560, 640]
    film = write(tmp_path / "in.mkv", shots.rgb, times)
    flickers = {}
    for mode in ("off", "live", "normal", "high"):
        out = tmp_path / f"{mode}.mkv"
        report, events = run(film, shots.found, {"mask": out}, matte=MatteSpec(smooth=mode))  # type: ignore[arg-type]
        assert [round(1000 * time) for time in read_times(out)] == times and report.frames == len(times)
        found = list(read_mattes(out))
        flickers[mode] = flicker(found, shots.truth, 8)
        cuts = [event.frame for event in events if isinstance(event, SceneCut)]
        assert [cut.index for cut in cuts] == ([] if mode == "off" else [8]) and report.cuts == tuple(cuts)
        assert (report.flicker is None) == (mode == "off")
        if report.flicker is not None:
            assert cuts[0].pts == 400
            assert report.flicker[1] < 0.7 * report.flicker[0]
            assert [stage.name for stage in report.stages].index("smooth") == 3
    assert all(flickers[mode] < 0.6 * flickers["off"] for mode in ("live", "normal", "high"))


def test_edges_of_a_large_picture_come_from_the_picture(tmp_path: Path) -> None:
    clip = make_clip(2, 0, noise=0)
    film = write(tmp_path / "in.mkv", clip.rgb, [0, 40])
    small = [cv2.resize(alpha, (WIDTH // 6, HEIGHT // 6), interpolation=cv2.INTER_AREA) for alpha in clip.truth]
    errors = []
    for refine in (False, True):
        run(film, small, {"mask": tmp_path / "m.mkv"}, matte=MatteSpec(smooth="off", refine=refine))
        found = next(read_mattes(tmp_path / "m.mkv"))
        errors.append(float(np.abs(found - clip.truth[0]).mean()))
    assert errors[1] < 0.8 * errors[0]


@pytest.mark.parametrize("name", ["a.mov", "a.mkv", "a_%d.png", "a_%d.exr", "g.mp4"])
def test_soft_edges_do_not_show_the_old_background(name: str, tmp_path: Path) -> None:
    """A grey subject with a soft edge before red: nothing red may be left in it."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    alpha = np.clip((60 - np.hypot(columns - 120, rows - 68)) / 10, 0, 1)
    share = alpha[..., None]
    picture = (share * 120 + (1 - share) * np.array((220, 20, 20))).round().astype(np.uint8)
    film = write(tmp_path / "in.mkv", [picture] * 2, [0, 40])
    kind = "green" if name.startswith("g") else "alpha"
    redness = {}
    for method in ("off", "fast", "best"):
        options = {"colour": ColourSpec(decontaminate=method), "matte": MatteSpec(smooth="off")}  # type: ignore[arg-type]
        run(film, [alpha] * 2, {kind: tmp_path / name}, **options)
        with av.open(str(tmp_path / (name % 1 if "%" in name else name))) as container:
            frame = next(container.decode(video=0)).to_ndarray(format="rgb24").astype(float)
        middle = (alpha > 0.3) & (alpha < 0.9)
        meant = share * 120 + (1 - share) * np.array(GREEN) if kind == "green" else np.full_like(frame, 120)
        if name.endswith(".exr"):
            # Its light is multiplied by alpha and linear; what is red in it is red anyway.
            meant = np.zeros_like(frame)
            frame[..., 0] -= frame[..., 1]
        redness[method] = float(np.abs(frame - meant)[middle][:, 0].mean())
    assert redness["fast"] < 0.4 * redness["off"] and redness["best"] < 0.4 * redness["off"]


def test_opaque_pixels_keep_their_colour_exactly(tmp_path: Path) -> None:
    clip = make_clip(2, 0, noise=0)
    film = write(tmp_path / "in.mkv", clip.rgb, [0, 40])
    run(film, clip.truth, {"alpha": tmp_path / "a_%d.png"}, matte=MatteSpec(smooth="off"))
    with av.open(str(tmp_path / "a_1.png")) as container:
        rgba = next(container.decode(video=0)).to_ndarray(format="rgba")
    clear = (clip.truth[0] == 1) | (clip.truth[0] == 0)
    assert np.array_equal(rgba[..., :3][clear], clip.rgb[0][clear])


def test_edits_reach_the_file(tmp_path: Path) -> None:
    clip = make_clip(2, 0, noise=0)
    film = write(tmp_path / "in.mkv", clip.rgb, [0, 40])
    matte = MatteSpec(smooth="off", threshold=0.5, mask_offset=4, invert=True)
    run(film, clip.truth, {"mask": tmp_path / "m.mkv"}, matte=matte)
    found = next(read_mattes(tmp_path / "m.mkv"))
    assert set(np.unique(found)) == {0, 1}
    radius = np.sqrt((found == 0).sum() / np.pi)
    assert abs(radius - 34) < 0.7


@pytest.mark.parametrize("method", ["fast", "best"])
def test_a_cut_out_keeps_its_colours_and_its_holes(method: str, tmp_path: Path) -> None:
    own = np.tile(np.linspace(0, 255, WIDTH).astype(np.uint8), (HEIGHT, 1))
    rgba = np.dstack([np.full((HEIGHT, WIDTH, 3), (180, 60, 60), np.uint8) * (own > 0)[..., None], own])
    for index in (1, 2):
        cv2.imwrite(str(tmp_path / f"in_{index}.png"), cv2.cvtColor(rgba, cv2.COLOR_RGBA2BGRA))
    mattes, options = [np.ones((HEIGHT, WIDTH), np.float32)] * 2, {"colour": ColourSpec(decontaminate=method)}  # type: ignore[arg-type]
    run(tmp_path / "in_%d.png", mattes, {"alpha": tmp_path / "a_%d.png"}, **options)
    found = cv2.cvtColor(cv2.imread(str(tmp_path / "a_1.png"), cv2.IMREAD_UNCHANGED), cv2.COLOR_BGRA2RGBA)
    assert np.array_equal(found, rgba)
    matte = MatteSpec(invert=True, mask_offset=3, mask_blur=2)
    run(tmp_path / "in_%d.png", [1 - alpha for alpha in mattes], {"mask": tmp_path / "m.mkv"}, matte=matte)
    assert np.abs(next(read_mattes(tmp_path / "m.mkv")) - own / 255).max() < 1e-6


def test_the_command_line_knows_all_of_it(tmp_path: Path) -> None:
    film = make_plain_clip(tmp_path / "in.mp4", frames=10, with_sound=True)
    arguments = "--size 64 --engine eager --smooth high --no-refine --threshold 0.4 --mask-offset -1 --mask-blur 1.5"
    words = [str(film), "--alpha", str(tmp_path / "a.mov"), "--json"]
    more = ["--invert", "--decontaminate", "off", "--despill", "green"]
    ran = ready.run(*words, *arguments.split(), *more)
    assert ran.returncode == 0, ran.stderr
    last = json.loads(ran.stdout.splitlines()[-1])
    assert last["event"] == "finished" and len(last["flicker"]) == 2 and last["cuts"] == []
    assert read_times(tmp_path / "a.mov") == read_times(film)
    assert audio_payload(tmp_path / "a.mov") == audio_payload(film)
    assert decode_alpha(tmp_path / "a.mov").max() > 0


@pytest.mark.parametrize(
    "wrong",
    ["--smooth much", "--threshold 1.5", "--mask-offset 101", "--mask-blur -1", "--decontaminate x", "--despill red"],
)
def test_wrong_values_are_wrong_usage(wrong: str, tmp_path: Path) -> None:
    from birefnet_video.cli import main

    with pytest.raises(SystemExit) as ended:
        main([str(tmp_path / "in.mp4"), *wrong.split()])
    assert ended.value.code == 2
