"""What is chosen to be behind the subject, put behind one frame that is looked at."""

import numpy as np

from birefnet_video.options.backgrounds import Background, Blur, PictureFile, SolidColour

#: Lines of the picture that a blur's radius is of.
_LINES = 1080


def over(rgb: np.ndarray, alpha: np.ndarray, background: Background) -> np.ndarray | None:
    """The subject before a background, in sRGB: nearly what a render makes of it, which blends in the input's own YUV.

    Args:
        rgb: uint8 (H, W, 3).
        alpha: uint8 (H, W).
        background: what is behind.

    Returns:
        uint8 (H, W, 3), or ``None`` if the background is a video, or a picture that cannot be read here.
    """
    behind = _behind(rgb, background)
    if behind is None:
        return None
    share = alpha[..., None].astype(np.uint16)
    return ((rgb * share + behind * (255 - share) + 127) // 255).astype(np.uint8)


def _behind(rgb: np.ndarray, background: Background) -> np.ndarray | None:
    """uint16 (H, W, 3) or (3,)."""
    if isinstance(background, SolidColour):
        return np.array(background.rgb, np.uint16)
    from PIL import Image, ImageFilter, ImageOps, UnidentifiedImageError

    if isinstance(background, Blur):
        radius = background.radius * rgb.shape[0] / _LINES
        return np.asarray(Image.fromarray(rgb).filter(ImageFilter.GaussianBlur(radius)), np.uint16)
    if isinstance(background, PictureFile):
        try:
            with Image.open(background.path) as image:
                fitted = ImageOps.fit(ImageOps.exif_transpose(image).convert("RGB"), (rgb.shape[1], rgb.shape[0]))
        except (OSError, ValueError, UnidentifiedImageError):
            return None
        return np.asarray(fitted, np.uint16)
    return None
