"""The codec by which an NVIDIA GPU would encode what the CPU has encoded."""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from attrs import evolve

from birefnet_video.colour.transfer import is_hdr
from birefnet_video.options.outputs import OutputSpec
from birefnet_video.outputs.encodings import codecs_of, encoding_for, fit_codecs
from birefnet_video.outputs.trial import why_not
from birefnet_video.types import MediaInfo

#: By FFmpeg's name of the encoder that runs on the CPU.
_ON_GPU = {"libx264": "h264_nvenc", "libx265": "hevc_nvenc", "libsvtav1": "av1_nvenc"}


class GpuCodec(NamedTuple):
    """What an output could have had."""

    codec: str
    output: OutputSpec

    @property
    def words(self) -> str:
        """As the option that asks for it."""
        return f"--codec {self.codec} encodes {self.output.path.name} on the GPU"


def gpu_codec(outputs: Sequence[OutputSpec], info: MediaInfo) -> GpuCodec | None:
    """The codec by which the GPU of this machine encodes the first output that it can, in the same depth.

    Args:
        outputs: that are encoded on the CPU.
        info: what the input is.
    """
    hdr = is_hdr(info.colour)
    for output in fit_codecs(tuple(outputs)):
        here = encoding_for(output, hdr=hdr)
        codec = _ON_GPU.get(here.codec)
        if codec is None or codec not in codecs_of(output.kind, output.path):
            continue
        there = evolve(output, codec=codec)
        is_as_deep = encoding_for(there, hdr=hdr).pixel_format(info.bit_depth) == here.pixel_format(info.bit_depth)
        if is_as_deep and _opens(there, info.bit_depth):
            return GpuCodec(codec, output)
    return None


@cache
def _opens(output: OutputSpec, bits: int) -> bool:
    """Asked again and again while a render is watched, and tried once: GPUs have few sessions of encoding."""
    return why_not(encoding_for(output), bits) is None
