"""Which stage holds a render up, and what would make it faster."""

from typing import TYPE_CHECKING

from birefnet_video.events import JobSnapshot
from birefnet_video.options.job import JobSpec

if TYPE_CHECKING:
    from birefnet_video.backends.base import BackendInfo
    from birefnet_video.outputs.gpu_codec import GpuCodec
    from birefnet_video.types import MediaInfo

#: Share of a run for which the busiest stage works, below which no stage limits it.
_BUSY = 0.6


def limiting_stage(snapshot: JobSnapshot) -> str | None:
    """The name of the stage that holds all others up, or ``None``."""
    if not snapshot.stages or not snapshot.elapsed_s:
        return None
    busiest = max(snapshot.stages, key=lambda stage: stage.busy_s)
    # What loading took belongs to no stage.
    working = max(stage.busy_s + stage.waited_in_s + stage.waited_out_s for stage in snapshot.stages)
    return busiest.name if working and busiest.busy_s >= _BUSY * working else None


def advice(
    limit: str | None, spec: JobSpec, backend: "BackendInfo | None", info: "MediaInfo | None"
) -> tuple[str, ...]:
    """What a user can change about the stage that limits a job.

    Args:
        limit: from :func:`limiting_stage`.
        spec: what was done.
        backend: what ran the network, if it was loaded.
        info: what the input is, if it was opened.
    """
    told: list[str] = []
    if limit == "infer" and backend is not None:
        if backend.device == "cpu":
            if backend.name == "eager":
                told.append("the extra openvino: pip install 'birefnet-video[openvino]'")
            if backend.precision != "int8":
                told.append("--precision int8, which is less exact, with the extra int8")
            told.append("a machine with a CUDA device")
        if spec.backend.model not in ("tiny", "lite"):
            told.append("-m lite, a smaller network")
        told.append("--size, a smaller input of the network")
    elif limit == "smooth" and spec.matte.smooth != "off":
        told.append(
            "--smooth live, which looks at one frame at a time" if spec.matte.smooth != "live" else "--smooth off"
        )
    elif limit == "compose":
        if spec.backend.compose_on == "cpu" and backend is not None and backend.device.startswith("cuda"):
            told.append("--compose-on auto, which takes the GPU")
        if spec.colour.decontaminate != "off":
            told.append("--decontaminate off, if edges show no colour of the background")
        if spec.matte.refine:
            told.append("--no-refine, for coarser edges")
    elif limit == "encode":
        if (better := _gpu_codec(spec, backend, info)) is not None:
            told.append(better.words)
        if any(output.quality != "fast" for output in spec.outputs):
            told.append("--quality fast")
    return tuple(told)


def encoded_on_cpu(limit: str | None, spec: JobSpec, backend: "BackendInfo", info: "MediaInfo") -> str | None:
    """What is to be said of a render that has waited for the CPU to encode, though its GPU can; ``None``: nothing.

    Args:
        limit, spec, backend, info: as of :func:`advice`.
    """
    better = _gpu_codec(spec, backend, info) if limit == "encode" else None
    return None if better is None else f"encoding on the CPU was what took longest: {better.words}"


def _gpu_codec(spec: JobSpec, backend: "BackendInfo | None", info: "MediaInfo | None") -> "GpuCodec | None":
    # Without a network on a GPU it was the user's wish to do without, or there is none.
    if backend is None or info is None or not backend.device.startswith("cuda"):
        return None
    # Brings PyAV along, which nobody else here needs.
    from birefnet_video.outputs.gpu_codec import gpu_codec

    return gpu_codec(spec.outputs, info)
