"""How one output is encoded, as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """How one output is encoded."""

    container: str
    """FFmpeg's name of the muxer; ``image2`` for pictures, ``rawvideo`` for standard output."""
    codec: str
    """FFmpeg's name of the encoder."""
    pixel_formats: Mapping[int, str]
    """Of its frames, by bits of the source: the least that is enough, or the greatest there is."""
    options: dict[str, str] = field(default_factory=dict)
    container_options: dict[str, str] = field(default_factory=dict)
    full_range: bool = False
    """Samples use the whole range of their bits, whatever the source does."""
    follows_source_range: bool = False
    carries_alpha: bool = False
    is_matte: bool = False
    is_id_mask: bool = False
    """Its colours or layers mean subjects."""
    layers: tuple[str, ...] = ()
    """Names of subjects that have a channel each."""
    key: str = ""
    """Text of the file beside it that says whose colour is which; empty: there is none."""
    holds_sound: bool = True
    needs_even_sides: bool = False
    tag: str = ""
    """Of the codec in MOV and MP4, where FFmpeg's own is not understood everywhere."""
    highest_rate: int | None = None
    """Frames a second beyond which the encoder does not open, whatever the times of its frames are."""
    threads: int = 0
    """Of an encoder whose packets depend on their number; 0: as many as it likes."""
    semi_planar: bool = False
    """The encoder takes 10 bits only as P010."""
    alpha_slack: float = 2 / 255
    """By how much less than written the alpha may vary when it is read again, as a share of the whole range."""

    def pixel_format(self, bits: int) -> str:
        """The format for a source of ``bits``."""
        enough = [depth for depth in self.pixel_formats if depth >= bits]
        return self.pixel_formats[min(enough) if enough else max(self.pixel_formats)]
