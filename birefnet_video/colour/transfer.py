"""Between coded values and light, by the equations of ITU-T H.273 section 8.2; and between SDR and HDR.

Light is linear; 1 is the reference white: of SDR its peak, of PQ and HLG 203 cd/m² (ITU-R BT.2408).
"""

from functools import cache

import numpy as np

from birefnet_video.types import ColourTags

#: Code points of H.273.
_UNSPECIFIED, LINEAR, SRGB, PQ, HLG, WIDE_PRIMARIES = 2, 8, 13, 16, 18, 9
#: Reference white: in units of PQ's 10,000 cd/m², and as HLG's light of scene at 75 % of the signal.
_PQ_WHITE, _HLG_WHITE = 203 / 10000, 0.26496256
_PQ = (2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128)
#: The constants that make both parts of the curve meet.
_BT709 = (1.09929682680944, 0.018053968510807)
_HLG = (0.17883277, 0.28466892, 0.55991073)
#: Light of BT.2020 primaries to that of BT.709 (ITU-R BT.2087, section 2 inverted).
NARROW = np.array(
    [[1.660491, -0.587641, -0.072850], [-0.124550, 1.132900, -0.008349], [-0.018151, -0.100579, 1.118730]], np.float32
)
#: Light up to which a picture is shown to the network as it is; what is brighter is rolled off towards 1.
KNEE = 0.8
_TOP = 65535


def is_hdr(colour: ColourTags) -> bool:
    """Whether values go beyond the reference white."""
    return colour.transfer in (PQ, HLG)


def needs_mapping(colour: ColourTags) -> bool:
    """Whether values mean other colours than the same values of sRGB."""
    return is_hdr(colour) or colour.primaries == WIDE_PRIMARIES or colour.transfer == LINEAR


def to_light(coded: np.ndarray, transfer: int) -> np.ndarray:
    """Coded values in [0, 1] -> light, by the inverse of the transfer characteristics."""
    value = np.asarray(coded, np.float64)
    if transfer == PQ:
        m1, m2, c1, c2, c3 = _PQ
        root = value ** (1 / m2)
        return (np.maximum(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1) / _PQ_WHITE
    if transfer == HLG:
        a, b, c = _HLG
        return np.where(value <= 0.5, value**2 / 3, (np.exp((value - c) / a) + b) / 12) / _HLG_WHITE
    if transfer == LINEAR:
        return value
    if transfer == SRGB:
        return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    scale, joint = _BT709
    return np.where(value < 4.5 * joint, value / 4.5, ((value + scale - 1) / scale) ** (1 / 0.45))


def from_light(light: np.ndarray, transfer: int) -> np.ndarray:
    """Light -> coded values in [0, 1]; what does not fit is cut off."""
    value = np.maximum(np.asarray(light, np.float64), 0)
    if transfer == PQ:
        m1, m2, c1, c2, c3 = _PQ
        root = np.minimum(value * _PQ_WHITE, 1) ** m1
        return ((c1 + c2 * root) / (1 + c3 * root)) ** m2
    if transfer == HLG:
        a, b, c = _HLG
        scene = np.minimum(value * _HLG_WHITE, 1)
        return np.where(scene <= 1 / 12, np.sqrt(3 * scene), a * np.log(np.maximum(12 * scene - b, 1e-6)) + c)
    value = np.minimum(value, 1)
    if transfer == LINEAR:
        return value
    if transfer == SRGB:
        return np.where(value <= 0.0031308, value * 12.92, 1.055 * value ** (1 / 2.4) - 0.055)
    scale, joint = _BT709
    return np.where(value < joint, value * 4.5, scale * value**0.45 - scale + 1)


@cache
def light_table(transfer: int) -> np.ndarray:
    """Light of every coded value of 16 bits, float32 (65536,)."""
    table = to_light(np.arange(_TOP + 1) / _TOP, transfer).astype(np.float32)
    table.setflags(write=False)
    return table


@cache
def srgb_table() -> np.ndarray:
    """sRGB of 8 bits for light in 4,096 steps of its square root, which spread them as the eye does."""
    return (from_light((np.arange(4096) / 4095) ** 2, SRGB) * 255).round().astype(np.uint8)


def to_sdr(coded: np.ndarray, colour: ColourTags) -> np.ndarray:
    """Coded RGB of 16 bits -> sRGB, uint8, for eyes and networks that know no HDR.

    Primaries become BT.709's; HDR above a knee is rolled off, all three channels by one factor, so that hues stay.

    Args:
        coded: uint16 (H, W, 3).
        colour: what the values mean.
    """
    light = light_table(colour.transfer)[coded]
    if colour.primaries == WIDE_PRIMARIES:
        light = np.maximum(light @ NARROW.T, 0)
    if not is_hdr(colour):
        return _as_srgb(light)
    brightest = np.maximum(light.max(axis=2, keepdims=True), np.float32(1e-6))
    rolled = KNEE + (1 - KNEE) * (1 - np.exp(-(brightest - KNEE) / (1 - KNEE)))
    shown = light * np.where(brightest > KNEE, rolled / brightest, np.float32(1))
    return _as_srgb(shown)


def _as_srgb(light: np.ndarray) -> np.ndarray:
    return srgb_table()[(np.sqrt(light.clip(0, 1)) * 4095 + 0.5).astype(np.int32)]


def scene_light(coded: np.ndarray, colour: ColourTags, *, is_rgb: bool) -> np.ndarray:
    """Coded RGB of 16 bits -> light of BT.709's primaries, float32; what these cannot show is negative or beyond 1.

    Args:
        coded: uint16 (H, W, 3).
        colour: what the values mean.
        is_rgb: the source is RGB: without a tag its transfer function is sRGB's.
    """
    light = light_table(SRGB if is_rgb and colour.transfer == _UNSPECIFIED else colour.transfer)[coded]
    return light @ NARROW.T if colour.primaries == WIDE_PRIMARIES else light


def from_sdr(rgb: np.ndarray, colour: ColourTags) -> np.ndarray:
    """sRGB in [0, 1], (..., 3) -> coded values of ``colour`` in [0, 1], with sRGB's white as the reference white."""
    if not needs_mapping(colour):
        return rgb
    light = to_light(rgb, SRGB)
    if colour.primaries == WIDE_PRIMARIES:
        light = np.maximum(light @ np.linalg.inv(NARROW.astype(np.float64)).T, 0)
    return from_light(light, colour.transfer)
