"""One open object: numpy, PIL or torch in, the same kind out, the network loaded once."""

import inspect
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from birefnet_video.model.evidence import evidence
from clips import audio_payload, make_clip
from PIL import Image
from stubs import our_threads

from birefnet_video import Matting, matte_image, matte_video
from birefnet_video.backends import registry
from birefnet_video.backends.adaptive import AdaptiveBackend
from birefnet_video.cli import main
from birefnet_video.errors import BackendUnavailable, InputMissing, NotAVideo, OutputRefused, UsageError
from birefnet_video.events import JobReport, JobState
from birefnet_video.jobs import Job
from birefnet_video.options.group import options_of
from birefnet_video.options.keywords import OpenedOptions, RenderOptions, StillOptions
from birefnet_video.pictures.kinds import as_rgb
from birefnet_video.pipeline import networks

FAST = {"model": "tiny", "size": 64, "engine": "eager", "precision": "fp32"}


def picture(height: int = 48, width: int = 64) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    disc = (x - width / 2) ** 2 + (y - height / 2) ** 2 < (height / 3) ** 2
    return np.where(disc[..., None], np.uint8([220, 60, 40]), np.uint8([30, 90, 40]))


@pytest.fixture(scope="module")
def matting() -> Matting:
    return Matting(**FAST)  # type: ignore[arg-type]


def test_each_kind_gives_the_same_matte_of_its_own_kind(matting: Matting) -> None:
    rgb = picture()
    alpha = matting.image(rgb)
    assert alpha.shape == (48, 64) and alpha.dtype == np.float32
    # Threads that share the work add up in another order, now and then.
    assert np.allclose(alpha, matte_image(rgb, **FAST), atol=1 / 255)  # type: ignore[arg-type]
    image = matting.image(Image.fromarray(rgb))
    assert isinstance(image, Image.Image) and image.mode == "L" and image.size == (64, 48)
    assert np.abs(np.asarray(image) / 255 - alpha).max() <= 1.5 / 255
    tensor = matting.image(torch.from_numpy(rgb).permute(2, 0, 1))
    assert tensor.shape == (1, 48, 64) and tensor.dtype == torch.float32
    assert np.abs(tensor[0].numpy() - alpha).max() <= 1 / 255


def test_a_large_picture_is_worked_out_in_tiles_as_a_file_is(tmp_path: Path) -> None:
    rgb = next(evidence()).rgb
    Image.fromarray(rgb).save(tmp_path / "in.png")
    asked = ["image", str(tmp_path / "in.png"), "--mask", str(tmp_path / "m.png"), "--detail", "full", "-q"]
    with pytest.raises(SystemExit) as ended:
        main([*asked, *("--model", "tiny", "--size", "64", "--engine", "eager", "--precision", "fp32")])
    assert not ended.value.code
    alpha = matte_image(rgb, detail="full", **FAST)  # type: ignore[arg-type]
    with Matting(detail="full", **FAST) as matting:  # type: ignore[arg-type]
        assert np.allclose(matting.image(rgb), alpha, atol=1 / 255)
    assert np.abs(alpha - np.asarray(Image.open(tmp_path / "m.png")) / 255).max() <= 2 / 255
    assert np.abs(alpha - matte_image(rgb, **FAST)).max() > 0.1  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "make",
    [
        lambda rgb: rgb / np.float32(255),
        lambda rgb: rgb.astype(np.uint16) * 257,
        lambda rgb: np.dstack([rgb, np.full(rgb.shape[:2], 9, np.uint8)]),
        lambda rgb: torch.from_numpy(rgb).permute(2, 0, 1).half() / 255,
        lambda rgb: Image.fromarray(rgb).convert("RGBA"),
    ],
    ids=["float", "uint16", "rgba", "half tensor", "PIL with alpha"],
)
def test_values_of_every_type_are_the_same_picture(make: object) -> None:
    rgb, _ = as_rgb(make(picture()))  # type: ignore[operator]
    assert np.abs(rgb.astype(int) - picture()).max() <= 1 and rgb.dtype == np.uint8 and rgb.flags.c_contiguous


def test_grey_pictures_become_three_equal_colours() -> None:
    grey = picture()[..., 0]
    for made in (grey, grey[..., None], torch.from_numpy(grey)[None], Image.fromarray(grey)):
        rgb, _ = as_rgb(made)
        assert np.array_equal(rgb, np.repeat(grey[..., None], 3, axis=2))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (np.zeros((4, 4, 2), np.uint8), r"got \(4, 4, 2\)"),
        (np.zeros((4, 4, 3), np.int32), "got int32"),
        (np.zeros((0, 4, 3), np.uint8), r"got \(0, 4, 3\)"),
        (torch.zeros(1, 3, 4, 4), r"a tensor \(C, H, W\), got \(1, 3, 4, 4\)"),
        ("photo.jpg", "got str"),
    ],
)
def test_what_is_no_picture_is_refused_with_what_it_is(wrong: object, words: str, matting: Matting) -> None:
    with pytest.raises(ValueError, match=words):
        matting.image(wrong)


def test_the_network_is_loaded_once_for_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    loads: list[object] = []
    load = networks.load_backend
    monkeypatch.setattr(networks, "load_backend", lambda *args, **keys: loads.append(args) or load(*args, **keys))
    with Matting(**FAST) as opened:  # type: ignore[arg-type]
        found = list(opened.images([picture(), Image.fromarray(picture(32, 40)), picture(64, 20)]))  # type: ignore[list-item]
        assert [np.asarray(each).shape for each in found] == [(48, 64), (32, 40), (64, 20)]
        opened.image(picture())
    assert len(loads) == 1


class Counted:
    """Counts networks that are loaded."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.loads: list[str] = []
        load = registry.load_network
        monkeypatch.setattr(registry, "load_network", lambda model, *how: self.loads.append(model) or load(model, *how))


def frames_of(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgba64le") for frame in container.decode(video=0)]


def test_two_videos_and_a_picture_load_the_network_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clips = [make_clip(tmp_path / f"{frames}.mp4", frames=frames, with_sound=True) for frames in (5, 8)]
    counted = Counted(monkeypatch)
    with Matting(**FAST, mask_offset=1) as opened:  # type: ignore[arg-type]
        reports = [
            opened.video(
                clip, alpha=clip.with_suffix(".mkv"), green=clip.with_suffix(".g.mp4"), start="0.04", batch_size=2
            )
            for clip in clips
        ]
        # What is lent for videos has taken no harm, and serves pictures, too.
        alpha = opened.image(picture(96, 160))
        assert alpha.shape == (96, 160)
    assert counted.loads == ["tiny"]
    for clip, report, frames in zip(clips, reports, (4, 7), strict=True):
        assert report.outputs == (clip.with_suffix(".mkv"), clip.with_suffix(".g.mp4")) and report.frames == frames
        alone = clip.with_suffix(".alone.mkv")
        expected = matte_video(clip, alpha=alone, start="0.04", mask_offset=1, batch_size=2, **FAST)  # type: ignore[arg-type]
        assert (report.source, report.frames, report.damage) == (str(clip), expected.frames, expected.damage)
        assert report.backend == expected.backend
        pairs = zip(frames_of(report.outputs[0]), frames_of(alone), strict=True)
        # Threads that share the work add up in another order, now and then.
        assert max(np.abs(one.astype(int) - other).max() for one, other in pairs) <= 257
        assert audio_payload(report.outputs[0]) == audio_payload(alone)


def test_a_video_has_the_place_of_a_pictures_network_of_its_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = make_clip(tmp_path / "in.mp4", frames=3)
    counted = Counted(monkeypatch)
    closed: list[object] = []
    close = AdaptiveBackend.close
    monkeypatch.setattr(AdaptiveBackend, "close", lambda self: closed.append(self) or close(self))
    with Matting(**FAST) as opened:  # type: ignore[arg-type]
        before = opened.image(picture(96, 160))
        assert (len(counted.loads), len(closed)) == (1, 0)
        opened.video(clip, mask=tmp_path / "m.mkv")
        assert (len(counted.loads), len(closed)) == (2, 1)
        assert np.allclose(opened.image(picture(96, 160)), before, atol=1 / 255)
        assert len(counted.loads) == 2
    assert len(closed) == 2


def test_a_video_that_fails_says_what_matte_video_says(tmp_path: Path, matting: Matting) -> None:
    (tmp_path / "no.mp4").write_bytes(b"no video")
    clip = make_clip(tmp_path / "in.mp4", frames=3)
    with pytest.raises(NotAVideo, match=r"no\.mp4"):
        matting.video(tmp_path / "no.mp4")
    with pytest.raises(InputMissing):
        matting.video(tmp_path / "none.mp4")
    with pytest.raises(UsageError, match="--background needs --composite"):
        matting.video(clip, background="blur")
    with pytest.raises(TypeError, match="model"):
        matting.video(clip, model="lite")  # type: ignore[call-arg]
    report = matting.video(str(clip))
    assert report.outputs == (tmp_path / "in.alpha.mov",) and report.frames == 3
    with pytest.raises(OutputRefused, match="exists"):
        matting.video(clip)


def test_after_a_fault_the_next_video_has_a_new_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = make_clip(tmp_path / "in.mp4", frames=3)
    counted = Counted(monkeypatch)
    with Matting(**FAST) as opened, monkeypatch.context() as spoilt:  # type: ignore[arg-type]
        spoilt.setattr(AdaptiveBackend, "begin", lambda self, rgb: lambda: np.full(rgb.shape[:3], np.nan, np.float32))
        with pytest.raises(BackendUnavailable, match="no numbers"):
            opened.video(clip, mask=tmp_path / "m.mkv")
        spoilt.undo()
        opened.video(clip, mask=tmp_path / "m.mkv", overwrite=True)
    assert len(counted.loads) == 2


def test_the_keywords_of_a_video_are_those_of_a_render_that_the_object_does_not_have() -> None:
    own, of_object, of_render = (
        {option.name for option in options_of(group) if option.on_command_line}
        for group in (OpenedOptions, StillOptions, RenderOptions)
    )
    assert own.isdisjoint(of_object) and own | of_object == of_render
    _, source, *keywords = inspect.signature(Matting.video).parameters.values()
    assert source.name == "source" and {each.name for each in keywords} == own
    assert "smooth: Make mattes steady" in str(Matting.video.__doc__)


def test_an_interrupted_caller_ends_the_render(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = make_clip(tmp_path / "in.mp4", frames=3)
    asked: list[Job] = []

    def interrupted(job: Job) -> JobReport:
        asked.append(job)
        raise KeyboardInterrupt

    monkeypatch.setattr(Job, "result", interrupted)
    with pytest.raises(KeyboardInterrupt):
        matte_video(clip, mask=tmp_path / "m.mkv", **FAST)  # type: ignore[arg-type]
    assert asked[0].wait() in (JobState.CANCELLED, JobState.FINISHED)
    assert our_threads() == []


def test_options_are_checked_when_it_is_made() -> None:
    with pytest.raises(UsageError, match="--size"):
        Matting(size=100)
    with pytest.raises(TypeError, match="modle"):
        Matting(modle="tiny")  # type: ignore[call-arg]


def test_no_library_is_loaded_for_a_question(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "PIL.Image")
    with pytest.raises(ValueError, match="expected a numpy array"):
        as_rgb(object())
    assert "PIL.Image" not in sys.modules
