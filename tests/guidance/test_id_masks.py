"""Masks that say which subject is where: colours, channels, and what says whose they are."""

import json
import struct
import zlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from guided import SeesFigures, clip_of, write_beginning
from specs import asked

from birefnet_video.errors import OutputRefused, UsageError
from birefnet_video.jobs import Job
from birefnet_video.matting.composite.id_mask import coloured, layered
from birefnet_video.options.keywords import RenderOptions
from birefnet_video.options.palette import PALETTE, key_of
from birefnet_video.options.request import RenderRequest
from birefnet_video.outputs.layered_exr import LayeredExr
from birefnet_video.pipeline.plan import Plan
from birefnet_video.types import Cutout, Frame, FrameMeta

FRAMES = 6
BOTH = "anna:point=30%,58%; ben:point=82%,58%"


def cutout_of(*alphas: np.ndarray) -> Cutout:
    frame = Frame(FrameMeta(0, 0, Fraction(1, 25)), av.VideoFrame(16, 16))
    return Cutout(frame, alphas[0], alphas[1:])


def channels_of(data: bytes) -> dict[str, np.ndarray]:
    """The channels of an EXR file of half precision in blocks of ZIP, read as the format describes it."""
    magic, version = struct.unpack_from("<ii", data)
    assert magic == 20000630 and version & 0xFF == 2
    at, found = 8, {}
    while data[at]:
        name, kind = data[at:].split(b"\0", 2)[:2]
        at += len(name) + len(kind) + 2
        (length,) = struct.unpack_from("<i", data, at)
        found[name.decode()] = data[at + 4 : at + 4 + length]
        at += 4 + length
    assert found["compression"] == b"\x03"
    left, top, right, bottom = struct.unpack("<4i", found["dataWindow"])
    width, height = right - left + 1, bottom - top + 1
    names, rest = [], found["channels"]
    while rest[0]:
        name, rest = rest.split(b"\0", 1)
        assert struct.unpack_from("<i", rest)[0] == 1
        names.append(name.decode())
        rest = rest[16:]
    assert names == sorted(names, key=str.encode)
    lines = []
    for (offset,) in struct.iter_unpack("<Q", data[at + 1 : at + 1 + 8 * -(-height // 16)]):
        first, length = struct.unpack_from("<ii", data, offset)
        raw, size = data[offset + 8 : offset + 8 + length], min(16, height - first) * width * len(names) * 2
        if length < size:
            steps = np.frombuffer(zlib.decompress(raw), np.uint8).astype(np.int64)
            steps[1:] -= 128
            apart = np.cumsum(steps).astype(np.uint8)
            half = (len(apart) + 1) // 2
            bytes_ = np.empty_like(apart)
            bytes_[::2], bytes_[1::2] = apart[:half], apart[half:]
            raw = bytes_.tobytes()
        lines.append(np.frombuffer(raw, "<f2").reshape(-1, len(names), width))
    samples = np.concatenate(lines)
    return {name: samples[:, index].astype(np.float32) for index, name in enumerate(names)}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The beginning of a clip of two that stand apart, lossless."""
    return write_beginning("mirror", tmp_path_factory.mktemp("ids") / "in.mkv", FRAMES)


def pictures(path: Path) -> np.ndarray:
    with av.open(str(path)) as file:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)])


@pytest.mark.parametrize("form", ["bgr0", "rgb24"])
def test_the_largest_alpha_of_half_or_more_has_the_pixel(form: str) -> None:
    anna = np.float32([[0.6, 0.5, 0.49, 0.4, 0.0], [0.5, 0, 0, 0, 1]])
    ben = np.float32([[0.4, 0.2, 0.51, 0.4, 1.0], [0.5, 0, 0, 0, 0]])
    found = coloured(cutout_of(anna, ben), form).to_ndarray(format="rgb24")
    first, second, nobody = PALETTE[0], PALETTE[1], (0, 0, 0)
    # Of two that are equal the one that is named first has it.
    assert found[0].tolist() == [[*each] for each in (first, first, second, nobody, second)]
    assert found[1].tolist() == [[*each] for each in (first, nobody, nobody, nobody, first)]


def test_colours_are_different_and_none_is_black() -> None:
    assert len(set(PALETTE)) == len(PALETTE) and (0, 0, 0) not in PALETTE
    assert json.loads(key_of(["anna", "ben"]))["subjects"] == {"anna": "#ff0000", "ben": "#00ff00"}


@pytest.mark.parametrize("size", [(37, 33), (16, 16)])
def test_exr_has_a_channel_for_each_and_everybody_for_any_reader(size: tuple[int, int], tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    smooth = np.linspace(0, 1, size[0] * size[1], dtype=np.float32).reshape(size[::-1])
    noise = rng.uniform(0, 1, size[::-1]).astype(np.float32) * (1 - smooth)
    long_name = "a subject with a name that is too long for old readers"
    (data,) = LayeredExr(("ben", "Anna", long_name), size, Fraction(2)).encode(
        layered(cutout_of(smooth, noise, np.zeros_like(smooth)))
    )
    found = channels_of(data)
    assert [*found] == ["Anna.A", "Y", f"{long_name}.A", "ben.A"]
    assert np.array_equal(found["ben.A"], smooth.astype(np.float16)) and not found[f"{long_name}.A"].any()
    assert np.array_equal(found["Anna.A"], noise.astype(np.float16))
    (tmp_path / "a.exr").write_bytes(data)
    with av.open(str(tmp_path / "a.exr")) as file:
        picture = next(file.decode(video=0))
    seen = picture.reformat(format="grayf32le").to_ndarray()
    assert np.abs(seen - (smooth + noise)).max() < 0.001


def test_one_pass_writes_all_forms_of_it(source: Path, tmp_path: Path) -> None:
    truth = {name: clip_of("mirror").mattes[name][:FRAMES] for name in ("subject", "other")}
    for name in ("ids.mkv", "pictures_%03d.png", "layers_%03d.exr"):
        options = RenderOptions(id_mask=tmp_path / name, subject=BOTH, smooth="off", verify="full")
        made = Job(options.job(source), open_backend=lambda *_: SeesFigures())
        made.start()
        assert made.result().frames == FRAMES
    found = pictures(tmp_path / "ids.mkv")
    assert set(map(tuple, found.reshape(-1, 3).tolist())) == {(0, 0, 0), PALETTE[0], PALETTE[1]}
    for colour, matte in zip(PALETTE, truth.values(), strict=False):
        assert ((found == colour).all(-1) != (matte >= 0.5)).mean() < 0.005
    assert np.array_equal(pictures(tmp_path / "pictures_%03d.png"), found)
    key = json.loads((tmp_path / "ids.subjects.json").read_text(encoding="utf-8"))
    assert json.loads((tmp_path / "pictures.subjects.json").read_text(encoding="utf-8")) == key
    assert key["subjects"] == {"anna": "#ff0000", "ben": "#00ff00"} and key["background"] == "#000000"
    channels = channels_of((tmp_path / "layers_006.exr").read_bytes())
    assert [*channels] == ["Y", "anna.A", "ben.A"]
    for name, matte in zip(("anna.A", "ben.A"), truth.values(), strict=True):
        assert np.abs(channels[name] - matte[-1]).mean() < 0.01
    assert not [*tmp_path.glob("*partial*")] and not (tmp_path / "layers.subjects.json").exists()


def test_it_is_refused_where_it_cannot_be(source: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--id-mask needs --subject"):
        asked(str(source), "--id-mask", str(tmp_path / "ids.mkv"))
    with pytest.raises(OutputRefused, match=r"--id-mask cannot be written as \.mp4"):
        Plan.of(RenderOptions(id_mask=tmp_path / "ids.mp4", subject=BOTH).job(source))
    many = "; ".join(f"s{number}:point={number},10" for number in range(len(PALETTE) + 1))
    with pytest.raises(UsageError, match="13 colours, and 14 subjects"):
        RenderOptions(id_mask=tmp_path / "ids.mkv", subject=many).job(source)
    (tmp_path / "ids.subjects.json").write_text("{}")
    with pytest.raises(OutputRefused, match=r"ids\.subjects\.json: exists already"):
        Plan.of(RenderOptions(id_mask=tmp_path / "ids.mkv", subject=BOTH).job(source))


def test_it_is_an_output_beside_others_and_survives_its_command_line(source: Path, tmp_path: Path) -> None:
    words = ["--id-mask", str(tmp_path / "ids.mkv"), "--mask", str(tmp_path / "{subject}.mkv"), "--subject", BOTH]
    request = asked(str(source), *words)
    assert isinstance(request, RenderRequest) and asked(*request.arguments) == request
    plan = Plan.of(request.spec)
    assert plan.lanes == ("anna", "ben") and Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan
