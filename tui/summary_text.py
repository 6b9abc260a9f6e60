"""What a render did, where its time went and what would help, in lines."""

from birefnet_video.tui.inks import PLAIN, Inks
from birefnet_video.tui.render_lines import ink_of, marked
from birefnet_video.tui.session_text import session_text
from birefnet_video.tui.text import clock, count, pace, shortened, size
from rich.text import Text

from birefnet_video.events import JobState
from birefnet_video.renders.record import left_behind
from birefnet_video.renders.summary import RunSummary
from birefnet_video.renders.watcher import JobView

#: Columns of a time line and of a bar, and findings about subjects that are listed.
_TIME_LINE, _BAR, _MOST_NOTED = 60, 12, 40


def summary_text(view: JobView, inks: Inks = PLAIN) -> Text:
    """
    Args:
        view: of a render that is over.
        inks: colours.
    """
    record, summary = view.record, view.summary
    if record.is_live:
        return session_text(view, inks)
    if summary is None:
        why = record.error or "it was removed, or has left no report"
        lines: list[str | Text] = [Text(f"✖ {why}", f"bold {inks.bad}".strip())]
        if record.written:
            of = f" of {count(record.frames)}" if record.frames else ""
            lines.append(f"  {count(record.written)}{of} frames were written")
        lines += [f"  left: {path}" for path in left_behind(record)]
        return _joined([*lines, "", f"same run:  {record.command}"])
    lines = []
    for paragraph in (
        *(_outcome(summary, inks), _figures(summary), _subjects(summary)),
        *(_stages(summary, inks), _findings(summary, inks)),
    ):
        lines += [*paragraph, ""] if paragraph else []
    return _joined([*lines, f"same run:  {summary.command}"])


def _joined(lines: list[str | Text]) -> Text:
    # A text that begins with a style would give it to all of them.
    return Text("\n").join(Text(line) if isinstance(line, str) else line for line in lines)


def _outcome(summary: RunSummary, inks: Inks) -> list[str | Text]:
    if summary.state == JobState.FAILED:
        lines = [f"✖ exit {summary.exit_code}   {summary.error}"]
        lines += [f"  what to do: {summary.hint}"] if summary.hint else []
    elif summary.state == JobState.CANCELLED:
        lines = ["■ stopped"]
    else:
        lines = [f"✔ finished{', as far as the input could be read' if summary.exit_code else ''}"]
    kept = "" if summary.state == JobState.FINISHED else "kept what was written so far: "
    first = Text(lines[0], f"bold {ink_of(summary.state, inks)}".strip())
    return [first, *lines[1:], *(f"  {kept}{path}" for path in summary.outputs)]


def _figures(summary: RunSummary) -> list[str | Text]:
    realtime = f"   {summary.realtime:.2f}x realtime" if summary.realtime else ""
    memory = f"   peak memory {size(summary.peak_memory)}" if summary.peak_memory else ""
    share = summary.gpu_share
    computed = "" if share is None else f"   the GPU computed mattes for {share:.0%} of the time"
    of = f" of {count(summary.total)}" if summary.total and summary.total != summary.frames else ""
    loading = f", loading {clock(summary.loading)}" if summary.loading else ""
    return [
        f"{count(summary.frames)}{of} frames in {clock(summary.seconds)}{loading}   {pace(summary.fps)}{realtime}",
        f"{size(summary.bytes_written)} written{memory}{computed}",
        *([summary.plan] if summary.plan else []),
    ]


def _subjects(summary: RunSummary) -> list[str | Text]:
    """What became of subjects, and where on the time line."""
    if not summary.subjects:
        return []
    places = sum(noted.counts for noted in summary.subjects)
    lines: list[str | Text] = ["subjects: " + (f"{places} to look at, c corrects" if places else "nobody was lost")]
    lines += [marked("━" * _TIME_LINE, summary.subjects, summary.frames)] if places else []
    lines += [f"{'!' if noted.counts else ' '} {noted.words}" for noted in summary.subjects[:_MOST_NOTED]]
    more = len(summary.subjects) - _MOST_NOTED
    return [*lines, *([f"  and {count(more)} more"] if more > 0 else [])]


def _stages(summary: RunSummary, inks: Inks) -> list[str | Text]:
    """Where the time went: work, waits for input and for room behind; what hand-overs took, usually and at worst."""
    if not summary.stages:
        return []
    head = f"stage    busy {'':<{_BAR}} needs input  room    usual    slow"
    lines: list[str | Text] = [Text(head, inks.quiet)]
    for stage in summary.stages:
        total = max(1e-9, stage.busy_s + stage.waited_in_s + stage.waited_out_s)
        busy, is_limit = stage.busy_s / total, stage.name == summary.limit
        full = round(busy * _BAR)
        lines.append(
            Text.assemble(
                (f"{stage.name:<8}", f"bold {inks.accent}".strip() if is_limit else ""),
                f"{busy:>5.0%} ",
                ("▄" * full, inks.load(busy)),
                ("▁" * (_BAR - full), inks.quiet),
                f"{stage.waited_in_s / total:>12.0%}{stage.waited_out_s / total:>6.0%}"
                f"{1000 * stage.median_s:>9.1f}{1000 * stage.slow_s:>8.1f} ms",
                ("  ◀ limit" if is_limit else "", f"bold {inks.accent}".strip()),
            )
        )
    return lines


def _findings(summary: RunSummary, inks: Inks) -> list[str | Text]:
    lines: list[str | Text] = []
    if summary.flicker:
        before, after = summary.flicker
        lines.append(f"flicker {before:.2f} before smoothing, {after:.2f} after   scene cuts {summary.cuts}")
    lines += [Text(f"! {shortened(warning, 400)}", inks.warn) for warning in summary.warnings]
    lines += [f"faster: {each}" for each in summary.advice]
    return lines
