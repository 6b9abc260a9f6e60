"""How many pictures at once a device's memory has room for, before anything is tried."""

from birefnet_video.backends.engine import Request
from birefnet_video.defaults import BATCH_SIZE, COMPOSING_SHARE, SMALL_BATCH_SIZE, SMALL_PIXELS

#: Bytes for each pixel of the input that a network in half precision takes, weights and all, by backbone: on an H200
#: plain PyTorch's peak for eight pictures of 1024x1024 was 2.6 GB with swin_v1_t and 8.3 GB with swin_v1_l.
_BYTES_A_PIXEL = {"swin_v1_t": 310}
#: The same of backbones that were not measured: of the largest there is.
_MOST_BYTES_A_PIXEL = 990


def free_bytes(device: str) -> int | None:
    """Bytes of a device that can be had now, what torch holds for later included; ``None``: nobody counts them."""
    if not device.startswith("cuda"):
        return None
    import torch

    free, _ = torch.cuda.mem_get_info(device)
    return int(free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device))


def most_at_once(request: Request, engine: str, precision: str) -> int:
    """Pictures in a batch at most, if nobody has said a number.

    Args:
        request: what is to run where.
        engine: that is to run it.
        precision: of its numbers.
    """
    info = request.info
    kind, (height, width) = info.device.split(":")[0], info.input_size
    if kind == "cpu" and engine == "eager" and height * width <= SMALL_PIXELS:
        return SMALL_BATCH_SIZE
    free = free_bytes(info.device)
    if free is None:
        return BATCH_SIZE[kind]
    # What is counted for a picture holds the weights, too.
    free += request.network.bytes_on(info.device)
    each = height * width * bytes_a_pixel(request.network.facts.backbone, precision)
    return that_fit(BATCH_SIZE[kind], int(free * (1 - COMPOSING_SHARE)), each)


def bytes_a_pixel(backbone: str, precision: str) -> int:
    """What a network takes for each pixel of its input."""
    return _BYTES_A_PIXEL.get(backbone, _MOST_BYTES_A_PIXEL) * (2 if precision == "fp32" else 1)


def that_fit(most: int, room: int, each: int) -> int:
    """``most`` halved until so many fit into ``room``; at least one: whether that fits is seen when it is tried."""
    while most > 1 and most * each > room:
        most //= 2
    return most
