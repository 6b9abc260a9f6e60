"""A render that has waited for the CPU to encode says so where its GPU can."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from clips import make_clip
from specs import job_spec
from stubs import notices, stub_job

from birefnet_video import bottleneck, jobs
from birefnet_video.backends.base import BackendInfo
from birefnet_video.bottleneck import advice, encoded_on_cpu
from birefnet_video.events import JobFinished
from birefnet_video.inputs.probe import probe
from birefnet_video.options.outputs import OutputSpec
from birefnet_video.outputs import gpu_codec as gpu_codecs
from birefnet_video.outputs.encoding import Encoding
from birefnet_video.outputs.gpu_codec import GpuCodec
from birefnet_video.types import MediaInfo

GREEN = OutputSpec("composite", Path("g.mp4"))
ON_GPU = BackendInfo("cudagraph", "tiny", "cuda:1", "fp16", (96, 160), 8)
SAID = "--codec h264_nvenc encodes g.mp4 on the GPU"


@pytest.fixture(scope="module")
def info(tmp_path_factory: pytest.TempPathFactory) -> MediaInfo:
    return probe(make_clip(tmp_path_factory.mktemp("clip") / "in.mp4", frames=2))


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A card whose encoders open; those that were tried."""
    codecs: list[str] = []

    def why_not(encoding: Encoding, bits: int) -> str | None:
        codecs.append(encoding.codec)
        return None

    monkeypatch.setattr(gpu_codecs, "why_not", why_not)
    gpu_codecs._opens.cache_clear()
    yield codecs
    gpu_codecs._opens.cache_clear()


def test_it_is_said_once_in_one_line_and_stands_first_in_the_advice(info: MediaInfo, tried: list[str]) -> None:
    spec = job_spec(Path("in.mp4"), (GREEN,))
    assert encoded_on_cpu("encode", spec, ON_GPU, info) == f"encoding on the CPU was what took longest: {SAID}"
    assert advice("encode", spec, ON_GPU, info) == (SAID, "--quality fast")
    # Watchers ask again and again; the encoder is opened once.
    assert tried == ["h264_nvenc"]


def test_nothing_is_said_where_it_is_not_the_reason_or_would_not_help(info: MediaInfo, tried: list[str]) -> None:
    spec = job_spec(Path("in.mp4"), (GREEN,))
    for limit in ("infer", "decode", "compose", None):
        assert encoded_on_cpu(limit, spec, ON_GPU, info) is None
    assert encoded_on_cpu("encode", spec, replace(ON_GPU, device="cpu"), info) is None
    assert advice("encode", spec, replace(ON_GPU, device="mps"), info) == ("--quality fast",)
    assert advice("encode", spec, None, info) == advice("encode", spec, ON_GPU, None) == ("--quality fast",)
    assert tried == []


def test_a_card_that_does_not_encode_is_not_offered(info: MediaInfo) -> None:
    # There is none here, or one that does.
    opens = gpu_codecs.why_not(gpu_codecs.encoding_for(OutputSpec("composite", Path("g.mp4"), codec="h264_nvenc")), 8)
    said = encoded_on_cpu("encode", job_spec(Path("in.mp4"), (GREEN,)), ON_GPU, info)
    assert (said is None) == (opens is not None)


@pytest.mark.parametrize(
    ("kind", "name", "codec", "bits", "expected"),
    [
        ("composite", "g.mp4", None, 8, "h264_nvenc"),
        ("foreground", "g.mov", "hevc", 10, "hevc_nvenc"),
        ("composite", "g.mkv", "av1", 10, "av1_nvenc"),
        # What would have fewer bits is another file.
        ("composite", "g.mp4", "h264", 10, None),
        ("composite", "g.mp4", "hevc", 12, None),
        ("composite", "g.mp4", "h264_nvenc", 8, None),
        ("composite", "g.webm", "av1", 8, None),
        ("composite", "g.mov", "prores-hq", 8, None),
        ("mask", "m.mp4", "h264", 8, None),
        ("alpha", "a.mov", None, 8, None),
    ],
)
def test_what_the_card_encodes_has_the_container_and_the_depth(
    kind: str, name: str, codec: str | None, bits: int, expected: str | None, info: MediaInfo, tried: list[str]
) -> None:
    output = OutputSpec(kind, Path(name), codec=codec)  # type: ignore[arg-type]
    found = gpu_codecs.gpu_codec((OutputSpec("alpha", Path("a.mov")), output), replace(info, bit_depth=bits))
    assert (None if found is None else (found.codec, found.output.path.name)) == (expected and (expected, name))


def test_a_render_says_it_before_it_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "limiting_stage", lambda snapshot: "encode")
    monkeypatch.setattr(bottleneck, "_gpu_codec", lambda *asked: GpuCodec("h264_nvenc", GREEN))
    job, events = stub_job(make_clip(tmp_path / "in.mp4", frames=4), {"green": tmp_path / "g.mp4"})
    job.start()
    report = job.result()
    said = f"encoding on the CPU was what took longest: {SAID}"
    assert notices(events).count(said) == 1 and said in report.warnings
    assert isinstance(events[-1], JobFinished)
