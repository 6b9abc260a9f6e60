"""Every container and codec that is offered: alpha where it should be, the right time, sound and background."""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from clips import make_clip, read_times
from specs import job_spec
from stubs import INFO, PLAIN_COLOUR, PLAIN_MATTE, notices, open_stub, stub_job

from birefnet_video.backends.stub import StubBackend
from birefnet_video.errors import InputMissing, NotAVideo, OutputRefused, UsageError
from birefnet_video.inputs.read_alpha import read_mattes
from birefnet_video.jobs import Job
from birefnet_video.options.backgrounds import Blur, PictureFile, SolidColour, VideoFile, parse_background
from birefnet_video.options.outputs import OutputSpec

#: Tick of WebM and Matroska, in seconds.
MILLISECOND = Fraction(1, 1000)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "in.mp4", with_sound=True)


@pytest.fixture(scope="module")
def truth(clip: Path) -> list[np.ndarray]:
    """The matte, lossless."""
    return render(clip, OutputSpec("mask", clip.with_name("truth.mkv")))


def render(clip: Path, output: OutputSpec) -> list[np.ndarray]:
    """Make one output and read its mattes or brightness back."""
    spec = job_spec(clip, (output,), overwrite=True, matte=PLAIN_MATTE, colour=PLAIN_COLOUR)
    job = Job(spec, open_backend=open_stub())
    job.start()
    job.result()
    return [] if "%" in output.path.name else list(read_mattes(output.path))


def rgb_frames(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24").astype(float) for frame in container.decode(video=0)]


@pytest.mark.parametrize(
    ("kind", "name", "most", "mean"),
    [
        ("alpha", "a.mov", 0.6, 0.3),
        ("alpha", "a.mkv", 0.6, 0.3),
        ("alpha", "a.webm", 30, 0.6),
        ("mask", "m.mkv", 0, 0),
        ("mask", "m.mp4", 8, 0.5),
        ("mask", "m.mov", 8, 0.5),
    ],
)
def test_mattes_survive_their_container(
    kind: str, name: str, most: float, mean: float, clip: Path, truth: list[np.ndarray], tmp_path: Path
) -> None:
    found = render(clip, OutputSpec(kind, tmp_path / name))  # type: ignore[arg-type]
    assert len(found) == len(truth)
    error = np.abs(np.stack(found) - np.stack(truth)) * 255
    assert error.max() <= most + 1e-4 and error.mean() <= mean + 1e-4


@pytest.mark.parametrize("name", ["a.mkv", "a.webm"])
def test_time_is_kept_to_the_containers_tick(name: str, clip: Path, tmp_path: Path) -> None:
    render(clip, OutputSpec("alpha", tmp_path / name))
    shifts = [found - meant for meant, found in zip(read_times(clip), read_times(tmp_path / name), strict=True)]
    # Matroska has no time before zero: where copied sound begins before the picture, both move on together.
    assert max(shifts) - min(shifts) <= MILLISECOND
    assert 0 <= shifts[0] <= Fraction(1024, 48000)
    with av.open(str(tmp_path / name)) as container:
        picture, sound = (container.streams.get({kind: 0})[0] for kind in ("video", "audio"))
        lag = picture.start_time * picture.time_base - sound.start_time * sound.time_base
    assert abs(lag - shifts[0]) <= MILLISECOND


@pytest.mark.parametrize(("kind", "name", "codec"), [("alpha", "a.webm", "opus"), ("composite", "c.mkv", "aac")])
def test_sound_is_copied_or_encoded(kind: str, name: str, codec: str, clip: Path, tmp_path: Path) -> None:
    job, events = stub_job(clip, {kind: tmp_path / name})
    job.start()
    job.result()
    with av.open(str(tmp_path / name)) as container:
        assert [stream.codec_context.name for stream in container.streams.audio] == [codec]
    assert any("cannot be copied" in text for text in notices(events)) == (codec != "aac")


def assert_composite(
    path: Path, clip: Path, truth: list[np.ndarray], behind: list[np.ndarray], mean: float = 2.5
) -> None:
    """The subject over ``behind``, (H, W, 3) or (3,) a frame, up to what 4:2:0 and the codec lose."""
    frames = zip(rgb_frames(path), rgb_frames(clip), truth, behind, strict=True)
    for found, source, matte, background in frames:
        alpha = matte[..., None].astype(float)
        error = np.abs(found - (source * alpha + background * (1 - alpha)))
        assert error.mean() <= mean


@pytest.mark.parametrize("name", ["c.mp4", "c.mov", "c.mkv", "c.webm"])
def test_a_colour_behind(name: str, clip: Path, truth: list[np.ndarray], tmp_path: Path) -> None:
    render(clip, OutputSpec("composite", tmp_path / name, parse_background("#2040c0")))
    assert_composite(tmp_path / name, clip, truth, [np.array([0x20, 0x40, 0xC0])] * len(truth))


def test_a_picture_behind_fills_the_frame(clip: Path, truth: list[np.ndarray], tmp_path: Path) -> None:
    picture = np.zeros((480, 400, 3), np.uint8)
    picture[..., 0], picture[:, :200, 2] = 200, 120
    cv2.imwrite(str(tmp_path / "bg.png"), picture)
    render(clip, OutputSpec("composite", tmp_path / "c.mp4", parse_background(str(tmp_path / "bg.png"))))
    # Cropped above and below, so that its halves stay halves.
    behind = np.zeros((*truth[0].shape, 3))
    behind[..., 2], behind[:, : truth[0].shape[1] // 2, 0] = 200, 120
    assert_composite(tmp_path / "c.mp4", clip, truth, [behind] * len(truth))


def test_a_shorter_video_behind_begins_anew(clip: Path, truth: list[np.ndarray], tmp_path: Path) -> None:
    film = tmp_path / "bg.mkv"
    levels = [40, 120, 200]
    with av.open(str(film), "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "bgr0"
        for level in levels:
            pixels = np.full((48, 64, 3), level, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(format="bgr0")))
        container.mux(stream.encode(None))
    render(clip, OutputSpec("composite", tmp_path / "c.mp4", VideoFile(film)))
    times = read_times(clip)
    behind = [np.full(3, levels[int((time - times[0]) * 10) % 3]) for time in times]
    assert_composite(tmp_path / "c.mp4", clip, truth, behind)


def test_a_blurred_background_has_lost_its_detail(clip: Path, tmp_path: Path) -> None:
    """By itself: an even grey with a bright spot that the matte does not cover."""
    from birefnet_video.matting.backdrop import blurred

    rng = np.random.default_rng(0)
    plane = rng.integers(80, 120, (108, 192)).astype(np.uint8)
    alpha = np.zeros(plane.shape, np.float32)
    alpha[30:80, 60:130] = 1
    subject = np.where(alpha > 0, 255, plane).astype(np.uint8)
    found = blurred(subject, alpha, 6.0)
    assert found.shape == plane.shape
    assert np.abs(cv2.Laplacian(found, cv2.CV_32F)).mean() < 0.05 * np.abs(cv2.Laplacian(plane, cv2.CV_32F)).mean()
    # No halo: the subject's white does not shine into its surroundings.
    assert np.abs(found[alpha == 0] - 100).max() <= 12


def test_blur_is_a_background(clip: Path, truth: list[np.ndarray], tmp_path: Path) -> None:
    render(clip, OutputSpec("composite", tmp_path / "c.mp4", Blur(40)))
    found, source = rgb_frames(tmp_path / "c.mp4"), rgb_frames(clip)
    inside = [matte > 0.98 for matte in truth]
    if any(mask.any() for mask in inside):
        assert max(np.abs(f - s)[m].mean() for f, s, m in zip(found, source, inside, strict=True) if m.any()) <= 4
    assert len(found) == len(source)


def test_the_background_is_not_overwritten(clip: Path, tmp_path: Path) -> None:
    film = make_clip(tmp_path / "bg.mp4")
    job = Job(
        job_spec(clip, (OutputSpec("composite", film, VideoFile(film)),), overwrite=True), open_backend=open_stub()
    )
    job.start()
    with pytest.raises(OutputRefused, match="is the background itself"):
        job.result()


@pytest.mark.parametrize(
    ("text", "background"),
    [
        ("green", SolidColour((0, 177, 64))),
        ("White", SolidColour((255, 255, 255))),
        ("#FF8000", SolidColour((255, 128, 0))),
        ("blur", Blur()),
        ("blur:12", Blur(12)),
        ("a/b.PNG", PictureFile(Path("a/b.PNG"))),
        ("a/b.mp4", VideoFile(Path("a/b.mp4"))),
    ],
)
def test_backgrounds_are_read(text: str, background: object) -> None:
    assert parse_background(text) == background


@pytest.mark.parametrize("text", ["", "mauve-ish", "#12345", "blur:0", "blur:x"])
def test_other_words_are_no_background(text: str) -> None:
    with pytest.raises(UsageError, match="is no background"):
        parse_background(text)


@pytest.mark.parametrize(
    ("name", "error"), [("none.png", InputMissing), ("none.mp4", InputMissing), ("t.mp4", NotAVideo)]
)
def test_a_missing_background_is_told_before_any_work(name: str, error: type, clip: Path, tmp_path: Path) -> None:
    (tmp_path / "t.mp4").write_text("text")
    output = OutputSpec("composite", tmp_path / "c.mp4", parse_background(str(tmp_path / name)))
    job = Job(job_spec(clip, (output,)), open_backend=open_stub())
    job.start()
    with pytest.raises(error):
        job.result()
    assert not list(tmp_path.glob("c*"))


@pytest.mark.parametrize(
    ("name", "codec", "found"),
    [
        ("c.mp4", "hevc", "hevc"),
        ("c.mov", "hevc", "hevc"),
        ("c.mp4", "av1", "av1"),
        ("c.webm", "av1", "av1"),
        ("c.mov", "prores-hq", "prores"),
        ("c.mkv", "ffv1", "ffv1"),
    ],
)
def test_a_codec_can_be_chosen(
    name: str, codec: str, found: str, clip: Path, truth: list[np.ndarray], tmp_path: Path
) -> None:
    output = OutputSpec("composite", tmp_path / name, parse_background("#2040c0"), codec=codec, quality="fast")
    render(clip, output)
    assert_composite(tmp_path / name, clip, truth, [np.array([0x20, 0x40, 0xC0])] * len(truth), mean=4)
    with av.open(str(tmp_path / name)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.codec.canonical_name == found
        if codec == "hevc":
            assert stream.codec_context.codec_tag == "hvc1"


def test_speed_is_not_that_of_the_encoders_last_burst(clip: Path, tmp_path: Path) -> None:
    job, _ = stub_job(clip, {"composite": tmp_path / "c.mp4"}, delay_s=0.01)
    job.start()
    assert job.result().fps < 150


def test_better_quality_is_closer_and_larger(clip: Path, tmp_path: Path) -> None:
    sizes = []
    for quality in ("fast", "standard", "best"):
        render(clip, OutputSpec("alpha", tmp_path / f"{quality}.mov", quality=quality))  # type: ignore[arg-type]
        sizes.append((tmp_path / f"{quality}.mov").stat().st_size)
    assert sizes[0] < sizes[1] < sizes[2]


def test_a_codec_that_does_not_fit_is_told_with_those_that_do(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="use vp9, av1"):
        render(clip, OutputSpec("composite", tmp_path / "c.webm", codec="h264"))


def test_an_encoder_that_the_machine_lacks_is_an_unavailable_device(clip: Path, tmp_path: Path) -> None:
    from birefnet_video.errors import BackendUnavailable

    try:
        render(clip, OutputSpec("composite", tmp_path / "c.mp4", codec="hevc_nvenc"))
    except BackendUnavailable as error:
        assert error.hint == "use hevc" and not list(tmp_path.iterdir())
    else:
        assert len(rgb_frames(tmp_path / "c.mp4")) == 24


def test_the_foreground_has_lost_the_background_under_soft_edges(tmp_path: Path) -> None:
    """A grey subject with a wide soft edge before blue: its own colour everywhere that alpha is not nought."""
    y, x = np.mgrid[:96, :160]
    alpha = np.clip((40 - np.hypot(x - 80, y - 48)) / 16, 0, 1)[..., None]
    own, behind = np.array((180.0, 180, 180)), np.array((0.0, 0, 200))
    picture = (own * alpha + behind * (1 - alpha)).round().astype(np.uint8)
    with av.open(str(tmp_path / "in.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "bgr0"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format="bgr0")))
        container.mux(stream.encode(None))

    class Exact(StubBackend):
        def infer(self, rgb: np.ndarray) -> np.ndarray:
            return alpha[None, ..., 0].astype(np.float32)

    output = OutputSpec("foreground", tmp_path / "f.mkv", codec="ffv1")
    job = Job(job_spec(tmp_path / "in.mkv", (output,)), open_backend=lambda spec, info, tell: Exact(INFO))
    job.start()
    job.result()
    (found,) = rgb_frames(tmp_path / "f.mkv")
    edge = (alpha[..., 0] > 0.2) & (alpha[..., 0] < 0.9)
    before, after = (np.abs(pixels[edge] - own).mean() for pixels in (picture, found))
    assert after < 0.2 * before


HDR = Path(__file__).parents[1] / "data" / "clips" / "pq_2020_10bit_hevc.mp4"


@pytest.mark.parametrize(("name", "codec"), [("c.mp4", "hevc"), ("c.webm", "av1"), ("c.mkv", "hevc")])
def test_hdr_stays_hdr_and_a_colour_behind_it_looks_the_same(name: str, codec: str, tmp_path: Path) -> None:
    """The background's code values are those of PQ: tone-mapped, they are the colour that was asked for."""
    from birefnet_video.colour.convert import to_rgb
    from birefnet_video.inputs.probe import probe

    render(HDR, OutputSpec("composite", tmp_path / name, parse_background("#2040c0")))
    info = probe(tmp_path / name)
    assert (info.colour.primaries, info.colour.transfer, info.colour.matrix) == (9, 16, 9)
    assert info.bit_depth == 10
    mattes = render(HDR, OutputSpec("mask", tmp_path / "m.mkv"))
    with av.open(str(tmp_path / name)) as container:
        assert container.streams.video[0].codec_context.codec.canonical_name == codec
        shown = to_rgb(next(container.decode(video=0)), info, (info.height, info.width)).astype(int)
    behind = cv2.dilate(mattes[0], np.ones((9, 9))) < 0.02
    if behind.any():
        assert np.abs(shown[behind] - (0x20, 0x40, 0xC0)).mean() < 6


def test_hdr_in_pictures_keeps_its_code_values_and_its_light(tmp_path: Path) -> None:
    from birefnet_video.colour.transfer import scene_light
    from birefnet_video.types import ColourTags as Meaning

    for name in ("a_%d.png", "a_%d.exr"):
        render(HDR, OutputSpec("alpha", tmp_path / name))
    with av.open(str(tmp_path / "a_1.png")) as container:
        frame = next(container.decode(video=0))
    assert (int(frame.color_primaries), int(frame.color_trc)) == (9, 16)
    coded = np.ascontiguousarray(cv2.imread(str(tmp_path / "a_1.png"), cv2.IMREAD_UNCHANGED)[..., 2::-1])
    with av.open(str(tmp_path / "a_1.exr")) as container:
        frame = next(container.decode(video=0))
    light, alpha = (
        np.frombuffer(memoryview(frame.planes[at]), "<f2").reshape(coded.shape[0], -1)[:, : coded.shape[1]]
        for at in (0, 3)
    )
    meant = scene_light(coded, Meaning(9, 16, 9), is_rgb=False)[..., 1] * alpha.astype(float)
    assert np.abs(light.astype(float) - meant).max() < 2e-3 * max(1, meant.max())


def test_bits_that_are_lost_are_told(tmp_path: Path) -> None:
    job, events = stub_job(HDR, {"alpha": tmp_path / "a.webm"})
    job.start()
    job.result()
    assert any("holds 8 bits a sample, the input 10" in text for text in notices(events))


def test_a_turned_clip_keeps_its_colours_in_422(tmp_path: Path) -> None:
    turned = HDR.with_name("rot90.mov")
    for name, codec in (("a.mov", "prores-hq"), ("b.mkv", "ffv1")):
        output = OutputSpec("composite", tmp_path / name, parse_background("#2040c0"), codec=codec)
        render(turned, output)
    one, other = (np.stack(rgb_frames(tmp_path / name)) for name in ("a.mov", "b.mkv"))
    assert one.shape == other.shape and np.abs(one - other).mean() < 3


def test_an_output_that_cannot_hold_the_codec_has_its_own_if_another_can(clip: Path, tmp_path: Path) -> None:
    outputs = (
        OutputSpec("composite", tmp_path / "c.mp4", codec="av1"),
        OutputSpec("mask", tmp_path / "m.mkv", codec="av1"),
    )
    job = Job(job_spec(clip, outputs), open_backend=open_stub())
    job.start()
    job.result()
    for name, codec in (("c.mp4", "av1"), ("m.mkv", "ffv1")):
        with av.open(str(tmp_path / name)) as container:
            assert container.streams.video[0].codec_context.codec.canonical_name == codec
