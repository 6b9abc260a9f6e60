"""What a user asks for: renders that begin, are changed while they wait, or are made again."""

from pathlib import Path
from typing import TYPE_CHECKING

from birefnet_video.tui.again import values_again
from birefnet_video.tui.children import Facts, known_of
from birefnet_video.tui.dialogs import Choice
from birefnet_video.tui.form import FormValues
from birefnet_video.tui.new import NewScreen
from birefnet_video.tui.subjects import Place

from birefnet_video.renders.record import JobRecord, RecordState
from birefnet_video.renders.watcher import JobView

if TYPE_CHECKING:
    from birefnet_video.tui.app import BirefnetApp


#: Outputs that a question names.
_MOST_NAMED = 4


class Asking:
    """Turns forms into records, and records into forms."""

    def __init__(self, app: "BirefnetApp") -> None:
        """
        Args:
            app: whose store and screens are used.
        """
        self._app = app

    def begin(self, values: FormValues, facts: Facts | None, *, queued: bool) -> None:
        """Start what a form describes, or put it into the queue.

        Args:
            values: without a problem.
            facts: of the input, if known.
            queued: wait for its turn.
        """
        records: list[JobRecord] = []
        if not self._app.attempt(lambda: records.extend(self._add(values, facts, queued=queued))):
            return
        self._app.queue.choose(records[0].id)
        if records[0].queued:
            self._app.start_queue()
            self._app.notify(f"{len(records)} in the queue" if len(records) > 1 else "in the queue")
            self._app.show_queue()
        else:
            self._app.show_queue()
            self._app.attempt(lambda: self._app.open_render(self._app.launch(records[0])))

    def _add(self, values: FormValues, facts: Facts | None, *, queued: bool) -> list[JobRecord]:
        sources = values.sources
        # What is known of one is not known of its neighbours.
        known = known_of(values, facts) if len(sources) == 1 else {}
        return [
            self._app.store.add(
                values.request(source),
                folder=Path.cwd(),
                **known,
                # Several take turns, or they would take each other's time.
                queued=queued or len(sources) > 1,
            )
            for source in sources
        ]

    def edit(self, record: JobRecord) -> None:
        """Change what a render that waits was asked for."""
        values: list[FormValues] = []
        if self._app.attempt(lambda: values.append(values_again(record, overwrite=record.overwrites))):
            self._app.push_screen(NewScreen(values[0], edited=record))

    def change(self, record: JobRecord, values: FormValues, facts: Facts | None) -> None:
        """Have a render that waits be what a form describes now."""
        known = {"frames": None, "clip": None} | known_of(values, facts)
        if self._app.attempt(lambda: self._app.store.change(record.id, values.request(), **known)):
            self._app.show_queue(record)

    def retry(self, records: list[JobRecord]) -> None:
        """Put renders that have ended back into the queue; ask once, if that replaces what some have made."""
        done = [record for record in records if record.state is RecordState.FINISHED and not record.overwrites]
        self._retry([record for record in records if record not in done], overwrite=False)
        if not done:
            return
        outputs = [output for record in done for output in record.outputs]
        more = f" and {len(outputs) - _MOST_NAMED} more" if len(outputs) > _MOST_NAMED else ""
        question = f"Outputs are there: {', '.join(outputs[:_MOST_NAMED])}{more}"
        answers = {"replace": ("o", "Replace them")}

        def replace(answer: str | None) -> None:
            if answer is not None:
                self._retry(done, overwrite=True)

        self._app.push_screen(Choice(question, answers), replace)

    def _retry(self, records: list[JobRecord], *, overwrite: bool) -> None:
        put = [record for record in records if self._put_back(record.id, overwrite=overwrite)]
        if put:
            self._app.start_queue()
            self._app.show_queue()

    def _put_back(self, record_id: str, *, overwrite: bool) -> bool:
        is_put = self._app.attempt(lambda: self._app.store.retry(record_id, overwrite=overwrite))
        if is_put:
            self._app.forget_watch(record_id)
        return is_put

    def correct(self, view: JobView) -> None:
        """Describe a render that has ended once more, and mark its subject where it was lost."""
        values: list[FormValues] = []
        if not self._app.attempt(lambda: values.append(values_again(view.record))):
            return
        places = tuple(Place(noted.time_s, noted.words) for noted in view.subjects if noted.counts)
        self._app.show_queue()
        self._app.push_screen(NewScreen(values[0], places))
