"""What is said of a render that has ended."""

from pathlib import Path

import pytest
from specs import job_spec, with_options

from birefnet_video.backends.base import BackendInfo
from birefnet_video.bottleneck import advice, limiting_stage
from birefnet_video.events import JobSnapshot, JobState, StageSnapshot
from birefnet_video.options.matte import ColourSpec, MatteSpec
from birefnet_video.options.network import BackendSpec
from birefnet_video.options.outputs import OutputSpec

CLIP = Path("in.mp4")


def snapshot(**busy_s: float) -> JobSnapshot:
    """Of ten seconds in which each stage works so long and waits for the rest."""
    stages = tuple(
        StageSnapshot(name=name, items=100, busy_s=seconds, queued=0, waited_in_s=10 - seconds)
        for name, seconds in busy_s.items()
    )
    return JobSnapshot(
        state=JobState.FINISHED, decoded=100, written=100, total=100, elapsed_s=12, fps=10, eta_s=None, stages=stages
    )


def test_the_stage_that_hardly_ever_waits_is_the_limit() -> None:
    assert limiting_stage(snapshot(decode=1, infer=9, encode=3)) == "infer"
    assert limiting_stage(snapshot(decode=1, infer=3, encode=8)) == "encode"


def test_nothing_is_the_limit_where_all_wait_or_nothing_was_done() -> None:
    assert limiting_stage(snapshot(decode=3, infer=4, encode=4)) is None
    assert limiting_stage(snapshot(decode=0)) is None
    assert limiting_stage(snapshot()) is None


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ("infer", ["openvino", "--precision int8", "CUDA", "-m lite", "--size"]),
        ("smooth", ["--smooth live"]),
        ("compose", ["--decontaminate off", "--no-refine"]),
        ("encode", ["--quality fast"]),
        ("decode", []),
        (None, []),
    ],
)
def test_advice_names_options_that_are_not_used_yet(limit: str | None, words: list[str]) -> None:
    spec = job_spec(CLIP, (OutputSpec("alpha", Path("out.mov")),), backend=BackendSpec(model="hr"))
    told = advice(limit, spec, BackendInfo("eager", "hr", "cpu", "fp32", (96, 160), 1), None)
    assert len(told) == len(words) and all(word in line for word, line in zip(words, told, strict=True))


def test_advice_does_not_repeat_what_was_done() -> None:
    output = OutputSpec("alpha", Path("out.mov"), quality="fast")
    matte, colour = MatteSpec(smooth="off", refine=False), ColourSpec(decontaminate="off")
    spec = job_spec(CLIP, (output,), backend=BackendSpec(model="tiny"), matte=matte, colour=colour)
    quick = BackendInfo("openvino", "tiny", "cpu", "int8", (96, 160), 1)
    assert [advice(limit, spec, quick, None) for limit in ("smooth", "compose", "encode")] == [(), (), ()]
    cpu = advice("infer", spec, quick, None)
    assert [line.split(",")[0] for line in cpu] == [
        "a machine with a CUDA device",
        "--size",
    ]
    on_gpu = BackendInfo("tensorrt", "tiny", "cuda:0", "fp16", (96, 160), 1)
    assert [line.split(",")[0] for line in advice("infer", spec, on_gpu, None)] == ["--size"]
    assert advice("compose", with_options(spec, compose_on="cpu"), on_gpu, None) == (
        "--compose-on auto, which takes the GPU",
    )
    assert advice("compose", spec, on_gpu, None) == advice("infer", spec, None, None) == ()
