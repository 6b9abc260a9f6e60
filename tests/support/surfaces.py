"""Pictures that pretend to lie on a GPU: their planes can be had by DLPack only, and the way home is counted."""

from typing import Any

import av


class Surface:
    """What PyAV gives of a decoder that keeps its frames, over a frame in the CPU's memory.

    Stands in for such a ``VideoFrame``: the same names, and no others.
    """

    def __init__(self, picture: av.VideoFrame, *, trips: list[str] | None = None) -> None:
        """
        Args:
            picture: NV12 or P010.
            trips: takes the format that the picture is brought home in, each time.
        """
        self._picture, self._trips = picture, trips if trips is not None else []
        self.format = av.VideoFormat("cuda", picture.width, picture.height)
        self.sw_format = picture.format
        self.width, self.height = picture.width, picture.height
        self.pts, self.time_base, self.duration = picture.pts, picture.time_base, picture.duration
        self.interlaced_frame = picture.interlaced_frame

    @property
    def planes(self) -> tuple["_Plane", ...]:
        return tuple(_Plane(plane) for plane in self._picture.planes)

    def reformat(self, *args: Any, **options: Any) -> av.VideoFrame:
        self._trips.append(options.get("format", ""))
        return self._picture.reformat(*args, **options)


class _Plane:
    """Refuses what a plane on a GPU refuses."""

    def __init__(self, plane: Any) -> None:
        self._plane = plane
        self.width, self.height = plane.width, plane.height

    def __dlpack__(self, *, stream: int | None = None) -> Any:
        if stream is not None:
            raise NotImplementedError("CUDA stream synchronization is not supported")
        return self._plane.__dlpack__()
