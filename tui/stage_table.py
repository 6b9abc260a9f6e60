"""The widget that says where the time goes."""

from collections.abc import Sequence

from birefnet_video.tui.lines import Lines
from birefnet_video.tui.telemetry import Reading
from birefnet_video.tui.text import bar, pace, shortened, size, sparkline
from rich.text import Text

from birefnet_video.events import JobSnapshot, StageSnapshot

#: Share of the time for which the busiest stage works, from which it holds the others up.
_LIMIT = 0.6
#: Columns from which a table has room for its long form.
_WIDE = 60


class StageTable(Lines):
    """Stages with how busy they are, the pace, and the machine."""

    def __init__(self, *, id: str | None = None) -> None:
        """
        Args:
            id: of the widget.
        """
        super().__init__(id=id)
        self._before: JobSnapshot | None = None
        self._busy: dict[str, float] = {}

    def show_job(
        self, snapshot: JobSnapshot, paces: Sequence[float], reading: Reading | None, plan: str | None
    ) -> None:
        """
        Args:
            snapshot: of the render.
            paces: frames a second, lately, the latest last.
            reading: of the machine.
            plan: model and engine in words.
        """
        self._measure(snapshot)
        width, room = self.size.width, self.size.height
        limit = self._limit(snapshot.stages)
        lines = [self._stage(stage, snapshot, limit, width) for stage in snapshot.stages]
        if width >= _WIDE and lines:
            lines.insert(0, Text("  stage     busy   alone        p50      p95   waits for", "bold"))
        held = f"limit: {limit} ({self._busy[limit]:.0%} busy)" if limit else "limit: none"
        lines.append(Text(held if snapshot.stages else "the network is loaded"))
        lines += self._machine(reading, snapshot.gpu_share)
        now = pace(snapshot.fps)
        line = Text(f"{sparkline(paces, max(4, width - len(now) - 2))}  {now}")
        lines.insert(len(snapshot.stages) + 1 + (width >= _WIDE), line)
        if plan and room > len(lines):
            lines.append(Text(plan, overflow="fold") if width >= _WIDE else Text(shortened(plan, max(1, width))))
        self.show(lines[:room] if room else lines)

    def _measure(self, snapshot: JobSnapshot) -> None:
        before, self._before = self._before, snapshot
        if before is None or len(before.stages) != len(snapshot.stages):
            return
        passed = snapshot.elapsed_s - before.elapsed_s
        if passed <= 0:
            return
        for old, new in zip(before.stages, snapshot.stages, strict=True):
            lately = min(1.0, max(0.0, (new.busy_s - old.busy_s) / passed))
            # Work is counted when it is handed on: one look can miss it, several do not.
            self._busy[new.name] = lately if new.name not in self._busy else 0.7 * self._busy[new.name] + 0.3 * lately

    def _limit(self, stages: Sequence[StageSnapshot]) -> str | None:
        busiest = max(stages, key=lambda stage: self._busy.get(stage.name, 0.0), default=None)
        if busiest is None or self._busy.get(busiest.name, 0.0) < _LIMIT:
            return None
        return busiest.name

    def _stage(self, stage: StageSnapshot, snapshot: JobSnapshot, limit: str | None, width: int) -> Text:
        mark = "▶" if stage.name == limit else " "
        busy = self._busy.get(stage.name, 0.0)
        queued = f"{stage.queued}/{stage.capacity}" if stage.capacity else "   "
        style = "bold" if stage.name == limit else ""
        if width < _WIDE:
            share = stage.queued / stage.capacity if stage.capacity else 0.0
            cells = bar(share, 4) if stage.capacity else "    "
            return Text(f"{mark} {stage.name:<8}{busy:>4.0%} {bar(busy, 4)}  {cells} {queued}", style, no_wrap=True)
        alone = pace(snapshot.fps / busy) if busy > 0.005 and snapshot.fps else "--"
        before = "the one after" if stage.waited_out_s > stage.waited_in_s else "the one before"
        waits = before if busy < _LIMIT else ""
        took = f"{1000 * stage.median_s:>6.1f} ms{1000 * stage.slow_s:>6.1f} ms"
        behind = bar(stage.queued / stage.capacity, 6) if stage.capacity else ""
        words = f"{mark} {stage.name:<8}{busy:>6.0%}   {alone:<11}{took}   {waits:<14} {behind} {queued}"
        return Text(words, style, no_wrap=True)

    def _machine(self, reading: Reading | None, share: float | None) -> list[Text]:
        """What the machine does; ``share`` of the time a GPU computed mattes."""
        if reading is None:
            return []
        mattes = "" if share is None else f"  mattes {share:.0%}"
        cpu = f"CPU {reading.cores:.1f}/{reading.of_cores} cores  RAM {size(reading.memory)}"
        if reading.gpu is None:
            note = f"GPU{mattes}" if mattes else reading.gpu_note
            return [Text(cpu, no_wrap=True), Text(shortened(note, max(1, self.size.width)))]
        gpu = reading.gpu
        return [
            Text(f"GPU {gpu.busy:4.0%} {bar(gpu.busy, 7)} {gpu.celsius}°C {gpu.watts:.0f} W{mattes}", no_wrap=True),
            Text(f"VRAM {size(gpu.memory_used)} of {size(gpu.memory)} {bar(gpu.memory_used / gpu.memory, 6)}"),
            Text(cpu, no_wrap=True),
        ]
