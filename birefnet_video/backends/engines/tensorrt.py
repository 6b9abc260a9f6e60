"""TensorRT through torch-tensorrt: built ahead of time from an exported graph, kept on disk, run by CUDA graphs."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from birefnet_video.backends.engine import Prepared, Request
from birefnet_video.backends.engines.graphs import export, key_of
from birefnet_video.backends.progress import building
from birefnet_video.errors import BackendUnavailable, first_line

if TYPE_CHECKING:
    from torch.export import ExportedProgram

_FILE = "network.pt2"


def load_library() -> Any:
    """
    Raises:
        BackendUnavailable: if torch-tensorrt or a library or driver under it is missing.
    """
    try:
        import torch_tensorrt
    except Exception as error:  # noqa: BLE001 - without its libraries or a driver it raises bare exceptions
        raise BackendUnavailable(
            f"tensorrt: torch-tensorrt does not load here: {first_line(error)}",
            hint="pip install 'birefnet-video[tensorrt]'; it needs an NVIDIA GPU with its driver",
        ) from None
    return torch_tensorrt


def cache_key(request: Request) -> dict[str, str]:
    """Under which an engine is kept.

    Raises:
        BackendUnavailable: if the library is missing.
    """
    return key_of(request, torch_tensorrt=str(load_library().__version__), tensorrt=_tensorrt_version())


def prepare(request: Request) -> Prepared:
    """
    Raises:
        BackendUnavailable: if the library is missing or the engine cannot be built.
    """
    library = load_library()
    info = request.info
    key = cache_key(request)
    example = torch.zeros(info.batch_size, 3, *info.input_size, device=info.device)

    is_new = False

    def build(folder: Path) -> None:
        nonlocal is_new
        is_new = True
        timing_cache = request.cache.root / "timing.cache"
        with building("tensorrt: building the engine, which takes minutes", request.tell):
            build_engine(library, export(request), example, folder / _FILE, timing_cache=timing_cache)

    def load(folder: Path) -> torch.nn.Module:
        return torch.export.load(folder / _FILE).module()

    module = request.cache.load("tensorrt", key, build, load, request.tell)
    if not is_new:
        request.tell("tensorrt: the engine was built before")
    graphs = library.runtime.enable_cudagraphs(module)
    run = graphs.__enter__()
    return Prepared(run, is_fixed=True, close=lambda: graphs.__exit__(None, None, None))


def build_engine(
    library: Any, program: "ExportedProgram", example: torch.Tensor, path: Path, *, timing_cache: Path
) -> None:
    """Build one engine of the whole graph and save it.

    Args:
        library: torch_tensorrt.
        program: the graph.
        example: an input, on the GPU that is to run it.
        path: file to write.
        timing_cache: file in which TensorRT keeps what it measured.

    Raises:
        BackendUnavailable: if an operator has no converter or TensorRT fails.
    """
    from torch.export.passes import move_to_device_pass

    try:
        moved = move_to_device_pass(program, str(example.device))
        # Precisions are those of the graph: half where the network is, float32 where positions are computed.
        engine = library.dynamo.compile(
            moved,
            arg_inputs=[example],
            require_full_compilation=True,
            min_block_size=1,
            device=example.device,
            # Fewer bits than float32 promises.
            disable_tf32=True,
            timing_cache_path=str(timing_cache),
        )
        library.save(engine, str(path), arg_inputs=[example])
    except Exception as error:
        raise BackendUnavailable(f"tensorrt: the engine cannot be built: {first_line(error)}") from error


def _tensorrt_version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    for name in ("tensorrt", "tensorrt-cu13", "tensorrt-cu12"):
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return "unknown"
