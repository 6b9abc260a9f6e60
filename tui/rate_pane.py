"""The panes of what a render and its machine did lately."""

from collections.abc import Sequence

from birefnet_video.tui.graph import braille, nice, scaled
from birefnet_video.tui.history import History
from birefnet_video.tui.inks import inks_of
from birefnet_video.tui.lines import Lines
from birefnet_video.tui.telemetry import Reading
from birefnet_video.tui.text import shortened, size
from rich.text import Text

#: Columns of a metric's words, in narrow and in wide panes, and columns from which one is wide.
_WORDS, _WIDE_WORDS, _WIDE = 15, 26, 46


class RateGraph(Lines):
    """Frames a second."""

    def show_rate(self, history: History) -> None:
        """Draw what a history holds."""
        columns, rows = self.size.width, self.size.height
        if columns < 8 or rows < 1:
            return
        values = list(history.fps)[-2 * columns :]
        top = nice(1.1 * max(values, default=0.0))
        self.show(scaled(values, (columns, rows), top, inks_of(self.app), _rate, load=False))


class MachineGraph(Lines):
    """Processors and memory, a graph each, as many rows as there are."""

    def show_machine(self, readings: Sequence[Reading]) -> None:
        """Draw the latest readings."""
        columns, rows = self.size.width, self.size.height
        if columns < 8 or rows < 1:
            return
        if not readings:
            self.show([Text("nothing is known yet", inks_of(self.app).quiet)])
            return
        metrics = _metrics(readings, rows, wide=columns >= _WIDE)
        each, more = divmod(rows, len(metrics))
        lines: list[Text] = []
        for index, metric in enumerate(metrics):
            lines += self._metric(metric, columns, each + (index < more))
        self.show(lines)

    def _metric(self, metric: "_Metric", columns: int, rows: int) -> list[Text]:
        name, words, values = metric
        inks = inks_of(self.app)
        room = _WIDE_WORDS if columns >= _WIDE else _WORDS
        left = [f"{name:<5}{words[0]}", *(f"     {each}" for each in words[1:])]
        lines = []
        for row, drawn in enumerate(braille(values, max(1, columns - room), rows, 1.0)):
            # A single row says by its colour how high the latest value is.
            ink = inks.load(values[-1] if rows == 1 else 1 - row / (rows - 1)) if values else inks.quiet
            text = shortened(left[row], room - 1) if row < len(left) else ""
            lines.append(Text.assemble(f"{text:<{room}}", (drawn, ink), no_wrap=True))
        return lines


_Metric = tuple[str, list[str], list[float]]


def _metrics(readings: Sequence[Reading], rows: int, *, wide: bool) -> list[_Metric]:
    """Name, words of the latest and values in [0, 1]; the most telling first, no more than there are rows."""
    last = readings[-1]
    found: list[_Metric] = []
    if last.gpu is not None:
        gpus = [reading.gpu for reading in readings if reading.gpu is not None]
        memory = f"{size(last.gpu.memory_used)} of {size(last.gpu.memory)}" if wide else size(last.gpu.memory_used)
        found.append(
            ("GPU", [f"{last.gpu.busy:.0%}", f"{last.gpu.celsius}°C {last.gpu.watts:.0f} W"], [g.busy for g in gpus])
        )
        found.append(("VRAM", [memory], [g.memory_used / max(1, g.memory) for g in gpus]))
    cores = f"{last.cores:.1f} of {last.of_cores}"
    found.append(("CPU", [f"{cores} cores" if wide else cores], [r.cores / max(1, r.of_cores) for r in readings]))
    total = last.of_memory
    memory = f"{size(last.memory)} of {size(total)}" if wide and total else size(last.memory)
    found.append(("RAM", [memory], [r.memory / total if total else 0.0 for r in readings]))
    return found[:rows]


def _rate(value: float) -> str:
    return f"{value:.0f}" if value >= 3 or value == 0 else f"{value:.1f}"
