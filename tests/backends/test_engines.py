"""Which engine is taken, what is said about the others, and what is kept for the next start."""

import os
import subprocess
import sys
import time
import types
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from birefnet_video.model import load_checkpoint

from birefnet_video.backends import choosing, engine_table
from birefnet_video.backends.base import BackendInfo
from birefnet_video.backends.cache import EngineCache
from birefnet_video.backends.engine import Request
from birefnet_video.backends.engine_table import check_engine
from birefnet_video.backends.engines import tensorrt
from birefnet_video.backends.engines.graphs import key_of
from birefnet_video.backends.lazy_network import LazyNetwork
from birefnet_video.backends.registry import load_backend
from birefnet_video.errors import BackendUnavailable, UsageError
from birefnet_video.options.network import BackendSpec
from birefnet_video.zoo.files import weights_path

SIZE = (64, 96)


def load(cache: Path, **options: Any) -> Any:
    return load_backend(BackendSpec(size=SIZE, device="cpu", **options), 96, 64, cache=EngineCache(cache))


def test_auto_says_why_it_took_what_it_took(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_table, "find_spec", lambda name: None)
    backend = load(tmp_path)
    assert backend.info.name == "eager"
    assert backend.info.note == "openvino: openvino not installed"


def test_auto_goes_on_when_an_engine_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(request: Request) -> None:
        raise BackendUnavailable("openvino: the moon is full", hint="wait")

    monkeypatch.setattr("birefnet_video.backends.engines.openvino.prepare", fail)
    assert load(tmp_path).info.note == "openvino: the moon is full"
    with pytest.raises(BackendUnavailable, match="the moon is full"):
        load(tmp_path, engine="openvino")


def test_long_builds_are_for_long_clips(tmp_path: Path) -> None:
    spec = BackendSpec(size=SIZE, device="cpu")
    backend = load_backend(spec, 96, 64, frames=20, cache=EngineCache(tmp_path))
    assert backend.info.name == "eager" and "not worth it for 20 frames" in backend.info.note
    backend = load_backend(spec, 96, 64, frames=100, cache=EngineCache(tmp_path))
    assert backend.info.name == "openvino"


def on_a_gpu(tmp_path: Path) -> Request:
    """A request of a machine with a GPU; nothing of it may run."""
    info = BackendInfo("auto", "tiny", "cuda", "fp16", SIZE, 8)
    network = LazyNetwork(lambda device: pytest.fail("it was loaded"), note=None)
    return Request(network, info, weights_path("tiny"), EngineCache(tmp_path), [].append)


@pytest.mark.parametrize("frames", [1, 10**6, None])
@pytest.mark.parametrize(
    ("installed", "ready", "taken", "words"),
    [
        (False, False, "cudagraph", "torch_tensorrt not installed"),
        (True, False, "cudagraph", "tensorrt must be built first: --engine tensorrt does at the start, once"),
        (True, True, "tensorrt", ""),
    ],
)
def test_on_a_gpu_nothing_that_takes_minutes_is_built_unasked(
    frames: int | None,
    installed: bool,
    ready: bool,
    taken: str,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine_table, "find_spec", lambda name: object() if installed else None)
    monkeypatch.setattr(choosing, "is_built", lambda *asked: ready)
    monkeypatch.setattr(choosing, "prepare", lambda request, name, batch: (name, request.info))
    prepared, info = choosing.climb(on_a_gpu(tmp_path), frames, None)
    assert prepared == taken and words in info.note


def test_an_engine_that_fills_the_memory_is_tried_with_fewer_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, tried = list[str](), list[int]()

    def prepare(request: Request) -> str:
        tried.append(request.info.batch_size)
        if request.info.batch_size > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return "ready"

    monkeypatch.setattr(choosing, "_module_of", lambda name: types.SimpleNamespace(prepare=prepare))
    monkeypatch.setattr(choosing, "_current", lambda device: nullcontext())
    monkeypatch.setattr(choosing, "most_at_once", lambda *asked: 8)
    request = replace(on_a_gpu(tmp_path), tell=told.append)
    prepared, info = choosing.prepare(request, "compile", None)
    assert (prepared, info.batch_size, tried) == ("ready", 2, [8, 4, 2])
    assert told[-1] == "compile: out of memory with 4 frames at once: going on with 2" and len(told) == 2
    # A number that was asked for is not lowered here.
    with pytest.raises(BackendUnavailable, match="compile: does not start: CUDA out of memory"):
        choosing.prepare(request, "compile", 8)


def test_auto_goes_on_when_a_library_raises_whatever_it_likes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "openvino").write_text("a file where a folder should be")
    assert load(tmp_path).info.name == "eager"
    with pytest.raises(BackendUnavailable, match="cannot be kept there: "):
        load(tmp_path, engine="openvino")
    monkeypatch.setattr("openvino.convert_model", lambda program: (_ for _ in ()).throw(RuntimeError("")))
    (tmp_path / "openvino").unlink()
    assert load(tmp_path).info.name == "eager"
    with pytest.raises(BackendUnavailable, match="openvino: does not start: RuntimeError"):
        load(tmp_path, engine="openvino")


def test_one_batch_at_a_time_gets_all_of_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import openvino

    asked: list[int] = []
    compile_model = openvino.Core.compile_model

    def note(self: Any, path: Path, device: str, settings: dict[str, Any]) -> Any:
        asked.append(settings["NUM_STREAMS"])
        return compile_model(self, path, device, settings)

    monkeypatch.setattr(openvino.Core, "compile_model", note)
    picture = np.random.default_rng(0).integers(0, 256, (1, *SIZE, 3), dtype=np.uint8)
    each, many = (load(tmp_path, engine="openvino", one_at_a_time=one).infer(picture) for one in (True, False))
    assert asked == [1, 2] and np.abs(each - many).max() < 1e-4


def test_a_signal_after_engines_that_overlapped_is_no_crash(tmp_path: Path) -> None:
    """OpenVINO's plugin for CPUs leaves a signal stack that is no memory if two of it overlap or change threads."""
    code = f"""
import os, signal, threading
from pathlib import Path
from birefnet_video.backends.cache import EngineCache
from birefnet_video.backends.registry import load_backend
from birefnet_video.options.network import BackendSpec
spec, cache = BackendSpec(size=(64, 64), precision="fp32", engine="openvino"), EngineCache(Path({str(tmp_path)!r}))
engines = [load_backend(spec, 64, 64, frames=5, cache=cache) for _ in range(2)]
engines.pop(0).close()
engines.pop(0).close()
last = [load_backend(spec, 64, 64, frames=5, cache=cache)]
thread = threading.Thread(target=lambda: last.pop().close())
thread.start()
thread.join()
signal.signal(signal.SIGINT, lambda number, frame: print("told"))
os.kill(os.getpid(), signal.SIGINT)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "told\n"), done.stderr


@pytest.mark.parametrize(("engine", "name"), [("openvino", "network.bin"), ("onnx", "network.onnx")])
def test_what_was_kept_and_does_not_load_is_built_again(engine: str, name: str, tmp_path: Path) -> None:
    told: list[str] = []
    spec = BackendSpec(size=SIZE, device="cpu", engine=engine, precision="fp32")  # type: ignore[arg-type]
    for _ in range(2):
        backend = load_backend(spec, 96, 64, cache=EngineCache(tmp_path), tell=told.append)
        assert backend.infer(np.zeros((1, *SIZE, 3), np.uint8)).shape == (1, *SIZE)
        backend.close()
        (kept,) = tmp_path.rglob(name)
        kept.write_bytes(kept.read_bytes()[:5000])
    assert f"{engine}: what was built before does not load, and is built again" in told


@pytest.mark.parametrize(
    ("engine", "device", "precision", "message"),
    [
        ("tensorrt", "cpu", "auto", "tensorrt: does not run on cpu"),
        ("openvino", "cuda:1", "auto", "openvino: does not run on cuda"),
        ("openvino", "cpu", "fp16", "openvino: has no fp16 on cpu"),
        ("compile", "mps", "auto", "compile: does not run on mps"),
        ("cudagraph", "cpu", "auto", "cudagraph: does not run on cpu"),
    ],
)
def test_what_does_not_go_together_is_refused(engine: str, device: str, precision: str, message: str) -> None:
    with pytest.raises(BackendUnavailable, match=message):
        check_engine(engine, device, precision)


def test_a_missing_engine_names_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_table, "find_spec", lambda name: None)
    for engine, extra in (("openvino", "openvino"), ("onnx", "onnx")):
        with pytest.raises(BackendUnavailable, match=rf"pip install 'birefnet-video\[{extra}\]'"):
            load(tmp_path, engine=engine)
    with pytest.raises(BackendUnavailable, match=r"pip install 'birefnet-video\[tensorrt\]'"):
        check_engine("tensorrt", "cuda", "auto")


def test_names_of_no_engine_are_refused() -> None:
    with pytest.raises(UsageError, match="--engine: 'warp' is none of"):
        BackendSpec(engine="warp")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="--precision: 'fp8' is none of"):
        BackendSpec(precision="fp8")  # type: ignore[arg-type]


def test_bfloat16_spares_a_backbone_that_it_would_spoil(tmp_path: Path) -> None:
    with pytest.raises(BackendUnavailable, match="backbone of tiny needs float32"):
        load(tmp_path, engine="openvino", precision="bf16")
    import av

    with av.open(Path(__file__).parents[2] / "samples" / "bunny.mp4") as clip:
        frame = next(clip.decode(video=0)).reformat(512, 288, "rgb24").to_ndarray()[None]
    exact, half = (
        load_backend(BackendSpec(size=(288, 512), device="cpu", engine="eager", precision=precision), 512, 288)  # type: ignore[arg-type]
        for precision in ("fp32", "bf16")
    )
    error = np.abs(exact.infer(frame) - half.infer(frame))
    assert error.mean() <= 0.002 and (error > 0.02).mean() <= 0.001


def test_a_cache_builds_once_and_forgets_failures(tmp_path: Path) -> None:
    cache, built = EngineCache(tmp_path), []

    def build(folder: Path) -> None:
        built.append(folder)
        (folder / "engine").write_text("code")

    def fail(folder: Path) -> None:
        (folder / "half").write_text("")
        raise RuntimeError("no memory")

    with pytest.raises(RuntimeError, match="no memory"):
        cache.find_or_build("test", {"size": "2"}, fail)
    assert not list((tmp_path / "test").iterdir())
    first = cache.find_or_build("test", {"size": "1", "batch": "2"}, build)
    again = cache.find_or_build("test", {"batch": "2", "size": "1"}, fail)
    other = cache.find_or_build("test", {"size": "1", "batch": "3"}, build)
    assert first == (again[0], True) and not again[1] and other[0] != first[0] and len(built) == 2
    assert (first[0] / "engine").read_text() == "code" and "batch" in (first[0] / "key.json").read_text()
    stale = tmp_path / "test" / "building-1"
    stale.mkdir()
    os.utime(stale, (0, 0))
    cache.find_or_build("test", {"size": "4"}, build)
    assert not stale.exists()


def test_a_cache_makes_room_for_what_is_new(tmp_path: Path) -> None:
    def build(folder: Path) -> None:
        (folder / "engine").write_bytes(bytes(1000))

    cache = EngineCache(tmp_path, most_bytes=2500)
    used_again, unused = (cache.folder("test", {"size": size}) for size in "12")
    for age, size in ((300, "1"), (200, "2")):
        folder, _ = cache.find_or_build("test", {"size": size}, build)
        os.utime(folder, (time.time() - age,) * 2)
    cache.find_or_build("test", {"size": "1"}, build)
    cache.find_or_build("other", {"size": "3"}, build)
    assert used_again.is_dir() and not unused.exists()
    tight = EngineCache(tmp_path / "tight", most_bytes=1)
    assert tight.find_or_build("test", {"size": "1"}, build)[0].is_dir()


def request(cache: Path, **changes: Any) -> Request:
    info = BackendInfo("tensorrt", "tiny", "cpu", "fp32", SIZE, changes.pop("batch_size", 2))
    path = changes.pop("weights", weights_path("tiny"))
    net = load_checkpoint(weights_path("tiny"), patch_order="current")
    network = LazyNetwork(lambda device: deepcopy(net), note=None)
    return Request(network, info, path, EngineCache(cache), changes.pop("tell", lambda message: None))


def test_a_built_engine_belongs_to_all_that_it_depends_on(tmp_path: Path) -> None:
    other = tmp_path / "other.safetensors"
    other.write_bytes(weights_path("tiny").read_bytes() + b" ")
    keys = [
        key_of(request(tmp_path), library="1"),
        key_of(request(tmp_path), library="2"),
        key_of(request(tmp_path, batch_size=3), library="1"),
        key_of(request(tmp_path, weights=other), library="1"),
    ]
    assert keys[0] == key_of(request(tmp_path), library="1")
    assert len({str(key) for key in keys}) == 4
    assert {"weights", "size", "batch", "precision", "device", "torch"} <= set(keys[0])


class FakeTensorRT(types.ModuleType):
    """Builds what torch-tensorrt would, without TensorRT: the graph itself."""

    __version__ = "0.0"

    def __init__(self) -> None:
        super().__init__("torch_tensorrt")
        self.builds: list[dict[str, Any]] = []
        self.dynamo = types.SimpleNamespace(compile=self._compile)
        self.runtime = types.SimpleNamespace(enable_cudagraphs=self._graphs)
        self.open_graphs = 0

    def _compile(self, program: torch.export.ExportedProgram, **options: Any) -> torch.export.ExportedProgram:
        self.builds.append(options)
        return program

    def save(self, program: torch.export.ExportedProgram, path: str, *, arg_inputs: list[torch.Tensor]) -> None:
        torch.export.save(program, path)

    def _graphs(self, module: torch.nn.Module) -> Any:
        fake = self

        class Graphs:
            def __enter__(self) -> torch.nn.Module:
                fake.open_graphs += 1
                return module

            def __exit__(self, *error: object) -> None:
                fake.open_graphs -= 1

        return Graphs()


def test_tensorrt_is_built_once_kept_and_built_anew_when_it_is_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake, told = FakeTensorRT(), []
    monkeypatch.setitem(sys.modules, "torch_tensorrt", fake)
    asked = request(tmp_path, tell=told.append)
    x = torch.randn(2, 3, *SIZE)
    with torch.no_grad():
        expected = asked.net(x)
    first = tensorrt.prepare(asked)
    assert (first.run(x) - expected).abs().max() <= 1e-4 and first.is_fixed and fake.open_graphs == 1
    first.close()
    assert fake.open_graphs == 0 and fake.builds[0]["require_full_compilation"]
    second = tensorrt.prepare(asked)
    assert len(fake.builds) == 1 and told == [
        "tensorrt: building the engine, which takes minutes, once; the next start finds it",
        "tensorrt: the engine was built before",
    ]
    second.close()
    (engine,) = tmp_path.rglob("network.pt2")
    engine.write_bytes(engine.read_bytes()[:1000])
    third = tensorrt.prepare(asked)
    assert len(fake.builds) == 2 and "does not load" in told[2] and "building" in told[3]
    assert (third.run(x) - expected).abs().max() <= 1e-4


def test_tensorrt_that_cannot_be_built_says_so_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeTensorRT()
    fake.dynamo.compile = lambda *args, **options: (_ for _ in ()).throw(Exception("no converter for fold"))
    monkeypatch.setitem(sys.modules, "torch_tensorrt", fake)
    with pytest.raises(BackendUnavailable, match="cannot be built: no converter for fold"):
        tensorrt.prepare(request(tmp_path))
    assert not list(tmp_path.rglob("network.pt2"))


def test_torch_tensorrt_that_does_not_load_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def find_spec(self, name: str, path: object = None, target: object = None) -> None:
            if name == "torch_tensorrt":
                raise Exception("libnvinfer not found")

    monkeypatch.delitem(sys.modules, "torch_tensorrt", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    with pytest.raises(BackendUnavailable, match=r"does not load here: libnvinfer not found .*\[tensorrt\]"):
        tensorrt.load_library()


def test_a_cache_of_somebody_else_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = EngineCache(tmp_path)
    folder, is_new = cache.find_or_build("any", {"a": "b"}, lambda new: None)

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("birefnet_video.backends.cache.os.utime", refuse)
    assert is_new and cache.find_or_build("any", {"a": "b"}, lambda new: None) == (folder, False)


def test_a_cache_that_cannot_be_written_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BackendUnavailable, match=r"file/any: what is built cannot be kept there: ") as error:
        EngineCache(tmp_path / "file").find_or_build("any", {}, lambda new: None)
    assert "XDG_CACHE_HOME" in str(error.value)


def test_a_file_in_the_place_of_what_is_built_makes_room(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)
    folder = cache.folder("any", {})
    folder.parent.mkdir()
    folder.touch()
    assert cache.find_or_build("any", {}, lambda new: None) == (folder, True) and folder.is_dir()
