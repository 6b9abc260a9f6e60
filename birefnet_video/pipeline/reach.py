"""How far a frame's matte depends on frames around it."""

from fractions import Fraction

from birefnet_video.options.matte import Smoothing

#: Frames before the first one that is wanted. Windows reach no further than their delay; a recursive mean keeps 4/5 of
#: what was before with every frame, which after so many is less than a float can tell.
LEAD: dict[Smoothing, int] = {"off": 0, "normal": 4, "high": 5, "live": 128}
#: Frames behind the last one that is wanted.
TRAIL: dict[Smoothing, int] = {"off": 0, "normal": 4, "high": 5, "live": 0}
#: Seconds by which a prompt says something of the frames before it, at most.
HINDSIGHT_S = Fraction(30)
