"""How the interface is left: by its keys, by a signal, or because its terminal has gone."""

import asyncio
import os
import signal
import time
from types import FrameType
from typing import TYPE_CHECKING

from birefnet_video.tui.inks import inks_of
from birefnet_video.tui.render_lines import in_short

from birefnet_video.renders.record import JobRecord, RecordState

if TYPE_CHECKING:
    from birefnet_video.tui.app import BirefnetApp

#: Seconds that a render is given to close its files when the interface is told to end.
_ENDING_S = 60.0
_STDIN = 0


class Quitting:
    """Ends an application, and with it the render that it was started with, if that is wanted."""

    def __init__(self, app: "BirefnetApp") -> None:
        """
        Args:
            app: to end.
        """
        self._app = app

    def ask(self) -> None:
        """End it; ask first while a render runs."""
        from birefnet_video.tui.dialogs import Choice

        app = self._app
        if isinstance(app.screen, Choice):
            return
        running = self._running()
        if not running:
            app.exit(app.exit_status())
            return
        what = "The render goes" if len(running) == 1 else f"{len(running)} renders go"
        question = f"{what} on without this window.\nbirefnet-video attach shows it again."
        answers = {"leave": ("l", "Leave it running")}
        own = self._own_of(running)
        if own:
            answers["stop"] = ("s", "Stop it, keep the part")
        watch, inks = app.watch_of(running[0]), inks_of(app)
        state = None if running[0].is_live else lambda: in_short(watch.view, inks)
        app.push_screen(Choice(question, answers, state), lambda answer: self._quit(answer, own))

    def obey_signals(self) -> None:
        """End it when the process is told to; from within its loop."""
        loop = asyncio.get_running_loop()
        try:
            for number in (signal.SIGTERM, signal.SIGINT):
                if signal.getsignal(number) is not signal.SIG_IGN:
                    loop.add_signal_handler(number, self._on_signal, number)
            # Not through the loop, which may be waiting for Textual to write to a terminal that has gone; and in spite
            # of nohup, since without a terminal there is nothing to show.
            signal.signal(signal.SIGHUP, self._on_hangup)
        except (NotImplementedError, RuntimeError, ValueError):
            # Windows, or not the main thread.
            return

    def _running(self) -> list[JobRecord]:
        return [record for record in self._app.store.records() if record.state is RecordState.RUNNING]

    def _own_of(self, records: list[JobRecord]) -> list[JobRecord]:
        own = self._app.own_render
        return [record for record in records if own is not None and record.id == own.id]

    def _quit(self, answer: str | None, own: list[JobRecord]) -> None:
        if answer == "leave":
            self._app.exit(0)
        elif answer == "stop":
            self._app.run_worker(self._stop_and_exit(own, None), exclusive=True)

    async def _stop_and_exit(self, records: list[JobRecord], status: int | None) -> None:
        watches = [self._app.watch_of(record) for record in records]
        for watch in watches:
            watch.cancel(keep=True)
        patience = time.monotonic() + _ENDING_S
        while not all(watch.view.is_over for watch in watches) and time.monotonic() < patience:
            await asyncio.sleep(0.1)
        self._app.exit(self._app.exit_status() if status is None else status)

    def _on_hangup(self, number: int, frame: FrameType | None) -> None:
        """A lost terminal takes the window only: renders are processes of their own."""
        if not os.isatty(_STDIN):
            os._exit(128 + number)
        self._app.call_later(self._app.exit, 128 + number)

    def _on_signal(self, number: int) -> None:
        """Whoever ends the program ends the render that came with it."""
        own = self._own_of(self._running())
        if own:
            self._app.run_worker(self._stop_and_exit(own, 128 + number), exclusive=True)
        else:
            self._app.exit(128 + number)
