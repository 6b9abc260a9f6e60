"""What is written for each kind of output: container, codec and settings, in one table."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from attrs import evolve

from birefnet_video.defaults import AV1, H264, HEVC, KEPT_EVERY_MS, NVENC_CQ, PRORES_QSCALE, VP9
from birefnet_video.errors import OutputRefused, UsageError
from birefnet_video.options.input import is_pattern
from birefnet_video.options.outputs import STDOUT, OutputKind, OutputSpec, Quality
from birefnet_video.outputs.encoding import Encoding
from birefnet_video.outputs.matte_encodings import as_id_mask, as_matte
from birefnet_video.words import meant

#: Keeps a file readable when the process is killed, and is an ordinary file when finished. Without delay_moov
#: edit lists are lost, and with them the offset between picture and sound.
_SURVIVES_A_KILL = {
    # Fragments begin at keyframes alone: the last edit is as long as the last fragment says, which knows only its own
    # frames, and the frame that is shown last may be coded before others.
    "movflags": "+hybrid_fragmented+delay_moov+frag_keyframe",
    "min_frag_duration": str(KEPT_EVERY_MS * 1000),
    "max_interleave_delta": "1000000",
    "flush_packets": "1",
    # Offsets between streams are stored in these ticks; the usual 1000 a second would move sound by half a millisecond.
    "movie_timescale": "90000",
}
#: The same in Matroska and WebM, which are read up to the last whole cluster.
_CLUSTERS = {"cluster_time_limit": str(KEPT_EVERY_MS), "max_interleave_delta": "1000000", "flush_packets": "1"}
_MUXERS = {".mov": "mov", ".mp4": "mp4", ".mkv": "matroska", ".webm": "webm", ".apng": "apng"}
#: Extensions that stand for one file a frame.
_PICTURE_SUFFIXES = (".png", ".exr")


def encoding_for(output: OutputSpec, *, hdr: bool = False) -> Encoding:
    """The encoding of an output, by its kind, the extension of its path, its codec and quality.

    Args:
        output: what is wanted.
        hdr: the source is HDR.

    Raises:
        OutputRefused: if that container cannot carry it; the message names what can.
        UsageError: if the codec is not among those that can be written there.
    """
    kind, path = output.kind, output.path
    if path == STDOUT:
        if kind != "alpha":
            raise OutputRefused(f"-: only --alpha can go to standard output, not --{kind}")
        return _RAW
    rows = _TABLE[kind]
    suffix = path.suffix.lower()
    if suffix not in rows:
        name = suffix or "a name without extension"
        why = f"{name} cannot carry alpha here" if kind == "alpha" else f"--{kind} cannot be written as {name}"
        raise OutputRefused(f"{path}: {why}", hint=f"use {' or '.join(rows)}")
    codecs = rows[suffix]
    if output.codec is not None and output.codec not in codecs:
        hint = f"{meant(output.codec, codecs)}use {', '.join(codecs)}"
        raise UsageError(f"--codec: {suffix} of --{kind} cannot hold {output.codec}", hint=hint)
    if suffix in _PICTURE_SUFFIXES and not is_pattern(path):
        example = path.with_name(f"{path.stem.replace('%', '')}_%05d{suffix}")
        raise OutputRefused(f"{path}: pictures need one number in their name", hint=f"for example {example}")
    usual = _FOR_HDR.get(codecs[0], codecs[0]) if hdr and kind != "mask" else codecs[0]
    encoding = _CODECS[output.codec or usual](output.quality)
    if kind == "mask":
        encoding = as_matte(encoding)
    if kind == "id-mask":
        encoding = as_id_mask(encoding, output.whose)
    container = _MUXERS.get(suffix, encoding.container)
    if container in ("matroska", "webm"):
        return replace(encoding, container=container, tag="", container_options=_CLUSTERS)
    if container in ("mov", "mp4"):
        return replace(encoding, container=container, container_options=_SURVIVES_A_KILL)
    return replace(encoding, container=container)


def codecs_of(kind: OutputKind, path: Path) -> tuple[str, ...]:
    """The codecs that an output of a kind can have by its name, the usual one first."""
    return _TABLE[kind].get(path.suffix.lower(), ())


def fit_codecs(outputs: tuple[OutputSpec, ...]) -> tuple[OutputSpec, ...]:
    """The same outputs; what cannot hold the codec that is asked for gets its usual one, if another output can."""
    fitting = [output.codec in codecs_of(output.kind, output.path) for output in outputs]
    if not any(fitting):
        return outputs
    return tuple(output if fits else evolve(output, codec=None) for output, fits in zip(outputs, fitting, strict=True))


def every_encoding() -> dict[str, Encoding]:
    """An encoding of each kind that an output can have, by names that say which."""
    made: dict[str, Encoding] = {}
    for kind, rows in _TABLE.items():
        for suffix, codecs in rows.items():
            for codec in codecs:
                encoding = _CODECS[codec]("standard")
                if kind == "mask":
                    codec, encoding = f"{codec} of mattes", as_matte(encoding)
                elif kind == "id-mask":
                    codec, encoding = f"{codec} of id masks", as_id_mask(encoding, ())
                made.setdefault(codec, replace(encoding, container=_MUXERS.get(suffix, encoding.container)))
    return made


#: What all codecs of films have in common.
_FILM = Encoding(container="mp4", codec="", pixel_formats={}, follows_source_range=True, needs_even_sides=True)


def _prores(quality: Quality) -> Encoding:
    # "qscale" alone is ignored; the flag and lambda (118 a step) are what the encoder reads.
    lambda_ = str(118 * PRORES_QSCALE[quality])
    options = {
        "profile": "4444",
        "alpha_bits": "16",
        "vendor": "apl0",
        "flags": "+qscale",
        "global_quality": lambda_,
    }
    return Encoding(
        container="mov", codec="prores_ks", pixel_formats={10: "yuva444p10le"}, options=options, carries_alpha=True
    )


def _prores_opaque(quality: Quality) -> Encoding:
    encoding = _prores(quality)
    options = {name: value for name, value in encoding.options.items() if name != "alpha_bits"}
    return replace(
        encoding, pixel_formats={10: "yuv422p10le"}, options={**options, "profile": "hq"}, carries_alpha=False
    )


def _ffv1(formats: Mapping[int, str]) -> Encoding:
    return Encoding(
        container="matroska",
        codec="ffv1",
        pixel_formats=formats,
        options={"level": "3", "slicecrc": "1", "g": "1"},
        follows_source_range=True,
    )


def _ffv1_alpha(quality: Quality) -> Encoding:
    formats = {8: "yuva444p", 10: "yuva444p10le", 12: "yuva444p12le"}
    return replace(_ffv1(formats), carries_alpha=True, follows_source_range=False)


def _ffv1_opaque(quality: Quality) -> Encoding:
    return _ffv1({8: "yuv444p", 10: "yuv444p10le", 12: "yuv444p12le"})


def _vp9(quality: Quality) -> Encoding:
    crf, deadline, speed = VP9[quality]
    options = {"crf": str(crf), "b": "0", "deadline": deadline, "cpu-used": str(speed), "row-mt": "1"}
    return Encoding(
        container="webm", codec="libvpx-vp9", pixel_formats={8: "yuv420p"}, options={**options, "tile-columns": "2"}
    )


def _vp9_alpha(quality: Quality) -> Encoding:
    encoding = _vp9(quality)
    return replace(
        encoding,
        # Alternate reference frames have no alpha.
        options={**encoding.options, "auto-alt-ref": "0"},
        pixel_formats={8: "yuva420p"},
        carries_alpha=True,
        # Lossy, and at 8 bits.
        alpha_slack=0.1,
    )


def _h264(quality: Quality) -> Encoding:
    crf, preset = H264[quality]
    formats = {8: "yuv420p", 10: "yuv420p10le"}
    options = {"crf": str(crf), "preset": preset}
    return replace(_FILM, codec="libx264", pixel_formats=formats, options=options)


def _hevc(quality: Quality) -> Encoding:
    crf, preset = HEVC[quality]
    formats = {8: "yuv420p", 10: "yuv420p10le", 12: "yuv420p12le"}
    options = {"crf": str(crf), "preset": preset, "x265-params": "log-level=none:open-gop=0"}
    # FFmpeg's "hev1" is not played by Apple's programs.
    return replace(_FILM, codec="libx265", pixel_formats=formats, options=options, tag="hvc1")


def _av1(quality: Quality) -> Encoding:
    crf, preset = AV1[quality]
    formats = {8: "yuv420p", 10: "yuv420p10le"}
    options = {"crf": str(crf), "preset": str(preset)}
    # SVT refuses higher rates; the times are the packets' own.
    return replace(_FILM, codec="libsvtav1", pixel_formats=formats, options=options, highest_rate=240)


def _nvenc(name: str, quality: Quality, *, deep: bool) -> Encoding:
    formats = {8: "yuv420p", 10: "yuv420p10le"} if deep else {8: "yuv420p"}
    options = {"preset": "p5", "rc": "vbr", "cq": str(NVENC_CQ[quality]), "b": "0"}
    tag = "hvc1" if name == "hevc_nvenc" else ""
    return replace(_FILM, codec=name, pixel_formats=formats, options=options, semi_planar=True, tag=tag)


def _png(quality: Quality) -> Encoding:
    return Encoding(
        container="image2",
        codec="png",
        pixel_formats={8: "rgba", 16: "rgba64be"},
        full_range=True,
        carries_alpha=True,
        holds_sound=False,
    )


def _apng(quality: Quality) -> Encoding:
    return replace(_png(quality), container="apng", codec="apng", container_options={"plays": "0"})


def _exr(quality: Quality) -> Encoding:
    options = {"compression": "zip16", "format": "half"}
    return Encoding(
        container="image2",
        codec="exr",
        pixel_formats={16: "gbrapf32le"},
        options=options,
        full_range=True,
        carries_alpha=True,
        holds_sound=False,
    )


#: Frames one after the other without any header, on standard output.
_RAW = Encoding(container="rawvideo", codec="rawvideo", pixel_formats={8: "rgba"}, full_range=True, holds_sound=False)

_CODECS = {
    "prores": _prores,
    "prores-hq": _prores_opaque,
    "ffv1-alpha": _ffv1_alpha,
    "ffv1": _ffv1_opaque,
    "vp9": _vp9,
    "vp9-alpha": _vp9_alpha,
    "h264": _h264,
    "hevc": _hevc,
    "av1": _av1,
    "h264_nvenc": lambda quality: _nvenc("h264_nvenc", quality, deep=False),
    "hevc_nvenc": lambda quality: _nvenc("hevc_nvenc", quality, deep=True),
    "av1_nvenc": lambda quality: _nvenc("av1_nvenc", quality, deep=True),
    "png": _png,
    "apng": _apng,
    "exr": _exr,
}
#: What takes the place of the usual codec: few players show HDR in H.264, and libvpx is built for 8 bits.
_FOR_HDR = {"h264": "hevc", "vp9": "av1"}
_NVENC = ("h264_nvenc", "hevc_nvenc", "av1_nvenc")
_OPAQUE = {
    ".mp4": ("h264", "hevc", "av1", *_NVENC),
    ".mov": ("h264", "hevc", "prores-hq", "h264_nvenc", "hevc_nvenc"),
    ".mkv": ("h264", "hevc", "av1", "vp9", "ffv1", *_NVENC),
    ".webm": ("vp9", "av1"),
}
#: Kind of output -> extension -> codecs, the usual one first.
_TABLE: dict[str, dict[str, tuple[str, ...]]] = {
    "alpha": {
        ".mov": ("prores",),
        ".webm": ("vp9-alpha",),
        ".mkv": ("ffv1-alpha",),
        ".apng": ("apng",),
        ".png": ("png",),
        ".exr": ("exr",),
    },
    "mask": {
        ".mkv": ("ffv1", "h264", "hevc"),
        ".mp4": ("h264", "hevc"),
        ".mov": ("h264", "hevc"),
        ".png": ("png",),
        ".exr": ("exr",),
    },
    "id-mask": {".mkv": ("ffv1",), ".png": ("png",), ".exr": ("exr",)},
    "composite": _OPAQUE,
    "foreground": _OPAQUE,
}
