"""A plan says what will happen, is kept as JSON, and is what happens."""

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import pytest
import ready
from clips import make_clip
from specs import asked, job_spec
from stubs import open_stub

from birefnet_video.errors import NotAVideo, OutputRefused, UsageError
from birefnet_video.jobs import Job
from birefnet_video.options.backgrounds import Blur, PictureFile, VideoFile
from birefnet_video.options.outputs import OutputSpec
from birefnet_video.pipeline import plan as plan_module
from birefnet_video.pipeline.assemble import open_plan
from birefnet_video.pipeline.plan import Plan

CLIPS = Path(__file__).parents[1] / "data" / "clips"
KINDS = {
    "alpha": ("a.mov", "a.mkv", "a_%d.png", "a.apng", "a_%03d.exr"),
    "mask": ("m.mkv", "m.mp4"),
    "composite": ("c.mp4", "c.webm"),
    "foreground": ("f.mov",),
    "id-mask": ("i.mkv", "i_%d.png", "i_%03d.exr"),
}


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("clip", sorted(path.name for path in CLIPS.iterdir() if path.is_file()))
def test_a_plan_of_every_clip_survives_json(clip: str) -> None:
    outputs = [OutputSpec(kind, Path(name)) for kind, names in KINDS.items() for name in names]  # type: ignore[arg-type]
    try:
        plan = Plan.of(job_spec(CLIPS / clip, outputs))
    except NotAVideo:
        assert list(Path().iterdir()) == []
        return
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    "options",
    [
        {"start": Fraction(1, 3), "duration": "0.5", "verify": "full", "no_audio": True},
        {"smooth": "high", "threshold": 0.5, "mask_offset": -3, "despill": "blue", "decode_on": "cpu"},
        {"model": "lite", "size": (288, 512), "device": "cuda:1", "precision": "fp16", "batch_size": 3},
    ],
)
def test_a_plan_keeps_what_was_asked_for(options: dict[str, object]) -> None:
    behind = [Blur(3), PictureFile(Path("b.png")), VideoFile(Path("b.mov"))]
    outputs = [OutputSpec("composite", Path(f"{i}.mp4"), each) for i, each in enumerate(behind)]
    spec = job_spec(CLIPS / "cfr_bframes_aac.mp4", outputs, **options)
    again = Plan.from_json(json.loads(json.dumps(Plan.of(spec).to_json())))
    assert again.spec == spec and again.in_order


@pytest.mark.parametrize("spoilt", [{"version": 99}, {"outputs": 3}, {"info": {}}, {"more": 1}])
def test_what_is_no_plan_is_refused(spoilt: dict[str, object]) -> None:
    plan = Plan.of(job_spec(CLIPS / "cfr_bframes_aac.mp4", [OutputSpec("mask", Path("m.mkv"))]))
    with pytest.raises(ValueError, match=r".+"):
        Plan.from_json(plan.to_json() | spoilt)
    with pytest.raises(ValueError, match="no plan of version"):
        Plan.from_json([])


def packets_of(path: Path) -> dict[int, list[tuple[int | None, bytes]]]:
    """Times and bytes by stream: files have identities, and their streams' packets lie now this way, now that."""
    found: dict[int, list[tuple[int | None, bytes]]] = {}
    with av.open(str(path)) as container:
        for packet in container.demux():
            found.setdefault(packet.stream_index, []).append((packet.pts, bytes(packet)))
    return found


def test_a_plan_that_was_kept_makes_the_same_files(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mp4", frames=20, with_sound=True)
    packets = []
    for folder in ("job", "plan"):
        (tmp_path / folder).mkdir()
        # Of FFV1: libx264 itself encodes the same pictures otherwise now and then, when its threads run otherwise.
        names = {"alpha": "a.mkv", "mask": "m.mkv", "composite": "c.mkv"}
        outputs = [
            OutputSpec(kind, tmp_path / folder / name, codec=None if kind == "alpha" else "ffv1")  # type: ignore[arg-type]
            for kind, name in names.items()
        ]
        spec = job_spec(clip, outputs, start="0.2", smooth="off")
        if folder == "job":
            job = Job(spec, open_backend=open_stub())
            job.start()
            job.result()
        else:
            line = open_plan(Plan.from_json(Plan.of(spec).to_json()), lambda note: None, open_stub())
            line.runner.start()
            assert line.runner.join()
            line.verify_and_commit(overwrite=False)
        packets.append([packets_of(output.path) for output in outputs])
    assert packets[0] == packets[1]


def test_the_input_is_looked_into_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[Path] = []
    real = plan_module.probe
    monkeypatch.setattr(plan_module, "probe", lambda path, *more: looked.append(path) or real(path, *more))
    chosen: list[OutputSpec] = []
    choose = plan_module.encoding_for
    monkeypatch.setattr(
        plan_module, "encoding_for", lambda output, **more: chosen.append(output) or choose(output, **more)
    )
    clip = make_clip(tmp_path / "in.mp4", frames=4)
    outputs = [OutputSpec("alpha", tmp_path / "a.mov"), OutputSpec("mask", tmp_path / "m.mkv")]
    job = Job(job_spec(clip, outputs), open_backend=open_stub())
    job.start()
    job.result()
    assert looked == [clip] and chosen == outputs


def test_what_cannot_be_is_refused_before_anything_is_opened(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mp4", frames=3)
    (tmp_path / "there.mov").write_bytes(b"x")
    for output, error, words in (
        (OutputSpec("alpha", tmp_path / "there.mov"), OutputRefused, "exists already"),
        (OutputSpec("alpha", tmp_path / "a.mp4"), OutputRefused, "use \\."),
        (OutputSpec("mask", tmp_path / "nowhere" / "m.mkv"), OutputRefused, "does not exist"),
    ):
        with pytest.raises(error, match=words):
            Plan.of(job_spec(clip, [output]))
    with pytest.raises(UsageError, match="-ss"):
        Plan.of(job_spec(clip, [OutputSpec("mask", tmp_path / "m.mkv")], start=100))


def test_a_dry_run_says_it_and_writes_nothing(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mp4", frames=12, with_sound=True)
    words = ["in.mp4", "--alpha", "a.mov", "--mask", "m.mkv", "--dry-run"]
    told = ready.run(*words, folder=tmp_path).stdout
    read, matte, alpha, mask = told.splitlines()
    assert read.startswith("read    in.mp4: 160x96, 25 fps, 12 frames, 0.48 s") and read.endswith("sound")
    assert matte == "matte   tiny, auto on auto, smoothing normal"
    assert alpha == "write   a.mov: alpha, prores_ks in mov, 160x96, yuva444p10le, sound"
    assert mask.startswith("write   m.mkv: mask, ffv1 in matroska, 160x96, gray")
    said = ready.run(*words, "--json", folder=tmp_path).stdout
    plan = Plan.from_json(json.loads(said))
    assert plan.spec == asked("in.mp4", "--alpha", "a.mov", "--mask", "m.mkv").spec
    assert list(tmp_path.iterdir()) == [clip]
    refused = ready.run(*words, "--alpha", "a.mp4", folder=tmp_path)
    assert refused.returncode in (2, 73)


def test_a_dry_run_loads_no_network(tmp_path: Path) -> None:
    make_clip(tmp_path / "in.mp4", frames=3)
    program = (
        "import sys\nfrom birefnet_video.cli import main\n"
        "try:\n    main(['in.mp4', '--alpha', 'a.mov', '--dry-run'])\nexcept SystemExit:\n    pass\n"
        "print([m for m in ('torch', 'timm') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert ran.stdout.splitlines()[-1] == "[]"
