"""How codecs of films and pictures hold a matte alone, or the subjects of a frame told apart."""

from collections.abc import Sequence
from dataclasses import replace

from birefnet_video.defaults import H264_MASK_CRF
from birefnet_video.options.palette import key_of
from birefnet_video.outputs.encoding import Encoding


def as_matte(encoding: Encoding) -> Encoding:
    """The same codec for grey alone."""
    greys = {
        "ffv1": {8: "gray", 10: "gray10le", 12: "gray12le"},
        "png": {8: "gray", 16: "gray16be"},
        "exr": {16: "grayf32le"},
    }
    options = dict(encoding.options)
    if "crf" in options:
        options["crf"] = str(H264_MASK_CRF)
    return replace(
        encoding,
        pixel_formats=greys.get(encoding.codec, {8: "gray"}),
        options=options,
        # A matte of limited range is read with an error of up to 20 levels.
        full_range=True,
        is_matte=True,
        carries_alpha=False,
        holds_sound=False,
        needs_even_sides=False,
    )


def as_id_mask(encoding: Encoding, names: Sequence[str]) -> Encoding:
    """The same codec, which must be lossless, for colours that mean subjects; EXR for a channel of each.

    Args:
        encoding: FFV1, PNG or EXR.
        names: of the subjects, in the order of the palette.
    """
    is_layered = encoding.codec == "exr"
    formats = {"ffv1": {8: "bgr0"}, "png": {8: "rgb24"}, "exr": {16: "grayf32le"}}[encoding.codec]
    return replace(
        encoding,
        pixel_formats=formats,
        full_range=True,
        follows_source_range=False,
        carries_alpha=False,
        holds_sound=False,
        is_id_mask=True,
        key="" if is_layered else key_of(names),
        layers=tuple(names) if is_layered else (),
    )
