"""Mattes made steady over time: robust medians and short means along the motion of what they show.

A moving average makes still parts steadier and everything that moves worse. Here every frame first asks its neighbours,
brought to its own place by optical flow, and believes them as far as the flow is sure of itself and the colours agree.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from torch import Tensor

from birefnet_video.matting.temporal.votes import (
    Neighbour,
    Opinions,
    View,
    ask,
    replaced,
    weighted_mean,
    weighted_median,
)
from birefnet_video.matting.temporal.warp import Flow, Step, make_warp
from birefnet_video.options.matte import Smoothing

#: Frames on either side that the median asks, and the distance of colours at which it stops to believe them.
_MEDIAN_RADIUS, _MEDIAN_SIGMA = 2, 0.12
#: The same of the mean that follows.
_MEAN_RADIUS, _MEAN_SIGMA = {"normal": 1, "high": 2}, 0.06
#: Live: the same of a median of this and two frames before, and of the mean that goes on.
_LIVE_SIGMA, _LIVE_MEAN_SIGMA = 0.08, 0.05
#: Frames that the mean's past counts for at most.
_LIVE_COUNT = 4


class Smoother(Protocol):
    """Smoothing as a function from a state and a frame to a state and frames; no frame crosses a cut."""

    delay: int
    """Frames that must come before the first is given."""

    def start(self) -> Any:
        """The state before the first frame."""
        ...

    def push(self, state: Any, view: View, step: Step | None) -> tuple[Any, list[Tensor]]:
        """
        Args:
            state: after the frame before; it stays as it is.
            view: the next frame.
            step: to it from the frame before; ``None`` if a shot begins with it.

        Returns:
            the state after it, and the mattes that are ready: float32 (1, 1, H, W), one a frame, in order.
        """
        ...

    def finish(self, state: Any) -> list[Tensor]:
        """The mattes that have not been given yet."""
        ...


def make_smoother(mode: Smoothing) -> Smoother:
    """The smoother of a mode other than ``off``."""
    return LiveSmoother() if mode == "live" else WindowSmoother(_MEAN_RADIUS[mode])


@dataclass(frozen=True, slots=True)
class Window:
    """Neighbouring frames of one shot."""

    views: tuple[View, ...] = ()
    steps: tuple[Step, ...] = ()
    """Between them: one fewer."""
    next: int = 0
    """The first one that has not been given yet."""


#: A frame and the step to it, ``None`` at the beginning of a shot.
Arrival = tuple[View, Step | None]


@dataclass(frozen=True, slots=True)
class _Pass:
    """Replaces every matte by what it and its neighbours say together."""

    radius: int
    sigma: float
    combine: Callable[[Opinions], Tensor]
    finds_missing: bool = False

    def push(self, window: Window, view: View, step: Step | None) -> tuple[Window, list[Arrival]]:
        given: list[Arrival] = []
        if step is None:
            given, window = self.finish(window), Window((view,))
        else:
            window = replace(window, views=(*window.views, view), steps=(*window.steps, step))
        while window.next + self.radius < len(window.views):
            given.append(self._give(window))
            window = replace(window, next=window.next + 1)
        stale = max(0, window.next - self.radius)
        return Window(window.views[stale:], window.steps[stale:], window.next - stale), given

    def finish(self, window: Window) -> list[Arrival]:
        return [self._give(replace(window, next=index)) for index in range(window.next, len(window.views))]

    def _give(self, window: Window) -> Arrival:
        view = window.views[window.next]
        opinions = ask(view, self._neighbours(window), self.sigma, finds_missing=self.finds_missing)
        alpha = replaced(view.alpha, opinions, opinions and self.combine(opinions))
        return View(alpha, view.colour), window.steps[window.next - 1] if window.next else None

    def _neighbours(self, window: Window) -> list[Neighbour]:
        here, size = window.next, tuple(window.views[0].alpha.shape[2:])
        found = []
        for direction in (-1, 1):
            path: Flow | None = None
            for distance in range(1, self.radius + 1):
                index = here + direction * distance
                if not 0 <= index < len(window.views):
                    break
                step = window.steps[index if direction < 0 else index - 1]
                way = step.backward if direction < 0 else step.forward
                if path is None:
                    path, warp = way, step.to_previous if direction < 0 else step.to_next
                else:
                    path = path.then(way)
                    warp = make_warp(path, (size[0], size[1]))
                found.append(Neighbour(window.views[index].alpha, window.views[index].colour, warp))
        return found


class WindowSmoother:
    """A median over five frames, then a mean over three or five of those; knows what comes."""

    def __init__(self, mean_radius: int) -> None:
        self._median = _Pass(_MEDIAN_RADIUS, _MEDIAN_SIGMA, weighted_median, finds_missing=True)
        self._mean = _Pass(mean_radius, _MEAN_SIGMA, weighted_mean)
        self.delay = _MEDIAN_RADIUS + mean_radius

    def start(self) -> tuple[Window, Window]:
        """See :class:`Smoother`."""
        return Window(), Window()

    def push(
        self, state: tuple[Window, Window], view: View, step: Step | None
    ) -> tuple[tuple[Window, Window], list[Tensor]]:
        """See :class:`Smoother`."""
        first, arrivals = self._median.push(state[0], view, step)
        second, given = self._mean_of(state[1], arrivals)
        return (first, second), given

    def finish(self, state: tuple[Window, Window]) -> list[Tensor]:
        """See :class:`Smoother`."""
        second, given = self._mean_of(state[1], self._median.finish(state[0]))
        return given + [view.alpha for view, _ in self._mean.finish(second)]

    def _mean_of(self, window: Window, arrivals: list[Arrival]) -> tuple[Window, list[Tensor]]:
        given: list[Tensor] = []
        for view, step in arrivals:
            window, steady = self._mean.push(window, view, step)
            given += [each.alpha for each, _ in steady]
        return window, given


@dataclass(frozen=True, slots=True)
class Past:
    """What a live smoother remembers of a shot."""

    views: tuple[View, ...]
    """The frame before, and the one before that."""
    way: Flow | None
    """From the frame before to the one before that."""
    mean: Tensor
    """The matte given last."""
    count: Tensor
    """float32 (1, 1, H, W): frames that it stands for."""


class LiveSmoother:
    """A median over this and the two frames before, then a mean that goes on; waits for nothing."""

    delay = 0

    def start(self) -> None:
        """See :class:`Smoother`."""
        return

    def push(self, state: Past | None, view: View, step: Step | None) -> tuple[Past, list[Tensor]]:
        """See :class:`Smoother`."""
        if state is None or step is None:
            return Past((view,), None, view.alpha, torch.ones_like(view.alpha)), [view.alpha]
        before, warp = state.views[0], step.to_previous
        neighbours = [Neighbour(before.alpha, before.colour, warp)]
        if state.way is not None:
            longer = make_warp(step.backward.then(state.way), (view.alpha.shape[2], view.alpha.shape[3]))
            neighbours.append(Neighbour(state.views[1].alpha, state.views[1].colour, longer))
        opinions = ask(view, neighbours, _LIVE_SIGMA, finds_missing=len(neighbours) > 1)
        median = View(replaced(view.alpha, opinions, opinions and weighted_median(opinions)), view.colour)
        kept = warp.apply(state.count)
        count = kept * warp.trust
        alpha = median.alpha
        if (opinions := ask(median, [Neighbour(state.mean, before.colour, warp)], _LIVE_MEAN_SIGMA)) is not None:
            counted = kept.flatten()[opinions.where] * opinions.weights[1]
            opinions.weights[1] = count.view(-1)[opinions.where] = counted
            alpha = replaced(alpha, opinions, weighted_mean(opinions))
        past = Past((view, before), step.backward, alpha, (count + 1).clamp(max=_LIVE_COUNT))
        return past, [alpha]

    def finish(self, state: Past | None) -> list[Tensor]:
        """See :class:`Smoother`."""
        return []
