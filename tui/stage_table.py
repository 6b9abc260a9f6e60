"""The widget that says where the time goes."""

import textwrap
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from birefnet_video.tui.graph import braille
from birefnet_video.tui.history import LIMIT, History
from birefnet_video.tui.inks import Inks, inks_of
from birefnet_video.tui.lines import Lines
from birefnet_video.tui.text import pace, shortened
from birefnet_video.tui.worker_lines import worker_lines
from rich.text import Text

from birefnet_video.events import JobSnapshot, StageSnapshot

#: Columns from which a row also has its past, its pace alone and what a hand-over takes; from which what it waits for.
_WIDE, _WIDER = 54, 78
#: Cells of a bar of the long form, and the fewest of any.
_BAR, _LEAST = 8, 4


class StageTable(Lines):
    """Stages with how busy they are, which of them limits, and what would help."""

    def show_job(
        self,
        snapshot: JobSnapshot,
        history: History,
        plan: str | None = None,
        advice: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ) -> None:
        """
        Args:
            snapshot: of the render.
            history: of the render.
            plan: model and engine in words.
            advice: what would make a stage faster, by its name.
        """
        width, room = self.size.width, self.size.height
        if not width:
            return
        inks, limit = inks_of(self.app), history.limit()
        if snapshot.workers:
            self.show(worker_lines(snapshot.workers, width, inks)[:room])
            return
        lines = [self._stage(stage, snapshot, history, inks) for stage in snapshot.stages]
        words = self._words(snapshot, limit, history, advice.get(limit or "", ()))
        # A head and a gap only where nothing else has to go for it.
        if width >= _WIDE and lines and room >= len(lines) + len(words) + 1:
            lines.insert(0, Text(self._head(), inks.quiet, no_wrap=True))
        left = room - len(lines) - len(words)
        told = textwrap.wrap(plan, width) if plan else []
        if told and left >= len(told) + 1:
            words += [Text(""), *(Text(each, inks.quiet) for each in told)]
        elif told and left >= 1:
            words.append(Text(shortened(plan or "", width), inks.quiet))
        self.show([*lines, *words][:room])

    def _words(self, snapshot: JobSnapshot, limit: str | None, history: History, advice: Sequence[str]) -> list[Text]:
        width, inks = self.size.width, inks_of(self.app)
        if not snapshot.stages:
            return [Text("the network is being loaded", inks.accent)]
        if limit is None:
            said = "limit: none" if history.busy else "limit: not known yet"
        else:
            busy = f"limit: {limit} ({history.busy[limit]:.0%} busy)"
            said = f"{busy}: the others wait for it" if width >= _WIDE else busy
        lines = [Text(each, f"bold {inks.accent}" if limit else "") for each in textwrap.wrap(said, width)]
        if limit is not None and advice:
            room = max(1, self.size.height - len(snapshot.stages) - len(lines))
            lines += [Text(each) for each in _helps(advice, width, room)]
        if snapshot.gpu_share is not None:
            lines.append(Text(f"mattes: {snapshot.gpu_share:.0%} of the GPU's time", no_wrap=True))
        return lines

    def _head(self) -> str:
        past = " " * max(0, self._past)
        waits = "  waits for" if self.size.width >= _WIDER else ""
        return f"  {'stage':<8}busy {'':<{_BAR}} {past} {'alone':<12}{'a frame':>9}  ahead{waits}"

    @property
    def _past(self) -> int:
        """Cells of a stage's past."""
        width = self.size.width
        return width - (54 if width < _WIDER else 68)

    def _stage(self, stage: StageSnapshot, snapshot: JobSnapshot, history: History, inks: Inks) -> Text:
        width, busy = self.size.width, history.busy.get(stage.name, 0.0)
        is_limit = stage.name == history.limit()
        queued = f"{stage.queued}/{stage.capacity}" if stage.capacity else ""
        name = f"{'▶' if is_limit else ' '} {stage.name:<8}"
        parts: list[str | tuple[str, str]] = [(name, f"bold {inks.accent}" if is_limit else ""), f"{busy:>4.0%} "]
        if width < _WIDE:
            parts += [*_bar(busy, max(_LEAST, width - 21), inks), f" {queued:>5}"]
            return Text.assemble(*parts, no_wrap=True)
        past = braille(history.of_stage(stage.name), max(1, self._past), 1, 1.0)[0] if self._past > 0 else ""
        alone = pace(snapshot.fps / busy) if busy > 0.005 and snapshot.fps else "--"
        parts += [*_bar(busy, _BAR, inks), " ", (past, inks.load(busy))]
        parts += [f" {alone:<12}{1000 * stage.median_s:>6.1f} ms  {queued:<5}"]
        if width >= _WIDER and busy < LIMIT:
            parts.append(f"  {'next one' if stage.waited_out_s > stage.waited_in_s else 'one before'}")
        return Text.assemble(*parts, no_wrap=True)


def _helps(advice: Sequence[str], width: int, room: int) -> list[str]:
    """As much of the advice as there is room for."""
    for told in range(len(advice), 1, -1):
        lines = textwrap.wrap(f"faster: {', or '.join(advice[:told])}", width, subsequent_indent="  ")
        if len(lines) <= room:
            return lines
    return textwrap.wrap(f"faster: {advice[0]}", width, subsequent_indent="  ")


def _bar(share: float, width: int, inks: Inks) -> list[tuple[str, str]]:
    """A bar, coloured by load; half as high as its line, so that it does not run into its neighbours."""
    full = round(min(max(share, 0.0), 1.0) * width)
    return [("▄" * full, inks.load(share)), ("▁" * (width - full), inks.quiet)]
