"""``birefnet-video webcam``: a camera matted while it films."""

import signal
import sys
from dataclasses import asdict
from queue import SimpleQueue
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from birefnet_video.commands.live_report import LiveTeller
from birefnet_video.errors import BirefnetVideoError, DamagedInput, UsageError
from birefnet_video.json_lines import noted_record, say_json
from birefnet_video.options.group import FLAT, OnceFlag, Suggested
from birefnet_video.options.keywords import part_of
from birefnet_video.options.live import (
    CameraSpec,
    LiveLookSpec,
    LiveOutputsSpec,
    LiveSpec,
    PaceSpec,
    ShownSpec,
)
from birefnet_video.options.matte import ColourSpec, LiveMatteSpec
from birefnet_video.options.network import NetworkSpec
from birefnet_video.options.outputs import STDOUT, OverwriteSpec
from birefnet_video.options.request import LiveRequest
from birefnet_video.options.run import WatchSpec
from birefnet_video.signals import stop_on_signals

if TYPE_CHECKING:
    from birefnet_video.events import LiveSnapshot, SubjectNoted
    from birefnet_video.live.session import LiveSession
    from birefnet_video.renders.store import JobStore

_OUTPUTS = Group("Outputs", sort_key=1)
_CAMERA = Group("Camera", sort_key=2)
_NETWORK = Group("Network", sort_key=3)
_MATTE = Group("Matte", sort_key=4)
_RUN = Group("Run", sort_key=5)
#: Seconds from one look to the next, and from one JSON line to the next.
_POLL_S, _JSON_S = 0.25, 1.0


def run_live(request: LiveRequest) -> int:
    """Run a session in this process and return the exit code."""
    from birefnet_video.live.session import LiveSession

    noted: SimpleQueue[SubjectNoted] = SimpleQueue()
    teller = LiveTeller()
    session = LiveSession(request.spec, notify=lambda line: teller.say(f"note: {line}"), on_subject=noted.put)
    return _watch(session, noted, teller, json_lines=request.run.json_lines)


def serve_live_request(request: LiveRequest, store: "JobStore", record_id: str) -> int:
    """The same; others can watch it."""
    from birefnet_video.live.session import LiveSession
    from birefnet_video.renders.served_live import ServedLive
    from birefnet_video.renders.serving import serve_live

    served = ServedLive()
    noted: SimpleQueue[SubjectNoted] = SimpleQueue()

    def tell(event: "SubjectNoted") -> None:
        served.note_subject(event)
        noted.put(event)

    served.begin(session := LiveSession(request.spec, notify=served.note, on_subject=tell))
    return serve_live(served, store, record_id, lambda: _watch(session, noted, LiveTeller(), json_lines=False))


def webcam(
    device: Annotated[str | None, Parameter(name="DEVICE"), Suggested("files", or_file=True)] = None,
    /,
    *,
    list_cameras: Annotated[OnceFlag, Parameter(name="--list")] = False,
    outputs: Annotated[LiveOutputsSpec, FLAT, Parameter(group=_OUTPUTS)] = LiveOutputsSpec(),
    camera: Annotated[CameraSpec, FLAT, Parameter(group=_CAMERA)] = CameraSpec(),
    pace: Annotated[PaceSpec, FLAT, Parameter(group=_CAMERA)] = PaceSpec(),
    network: Annotated[NetworkSpec, FLAT, Parameter(group=_NETWORK)] = NetworkSpec(),
    look: Annotated[LiveLookSpec, FLAT, Parameter(group=_MATTE)] = LiveLookSpec(),
    watch: Annotated[WatchSpec, FLAT, Parameter(group=_RUN)] = WatchSpec(),
) -> LiveRequest | int:
    """Cut the subject out of a camera's pictures while it films.

    Example: birefnet-video webcam --virtual-camera auto --background office.jpg

    Parameters
    ----------
    device
        Camera, video file, lavfi: and a filter, or rtsp:// and the like. Default: the first camera.
    list_cameras
        Open each camera, say what it gives by itself or why it does not, and end.
    """
    if list_cameras:
        return _list()
    if device is None:
        from birefnet_video.devices.camera import first_camera

        device = first_camera()
    shown = part_of(outputs, ShownSpec)
    if not outputs.files and not shown.is_somewhere and not watch.tui:
        hint = "--virtual-camera auto, --record FILE, --alpha -, --stream ADDRESS or --tui"
        raise UsageError("no output is named", hint=hint)
    to_stdout = any(output.path == STDOUT for output in outputs.files)
    if watch.json_lines and to_stdout:
        raise UsageError("--json and --alpha - both want standard output")
    if watch.tui and to_stdout:
        raise UsageError("--tui runs it in another process, which does not have this one's pipes")
    spec = LiveSpec(
        device,
        outputs.files,
        shown=shown,
        camera=camera,
        pace=pace,
        backend=network,
        matte=part_of(look, LiveMatteSpec),
        colour=part_of(look, ColourSpec),
        writing=part_of(outputs, OverwriteSpec),
    )
    return LiveRequest(spec, watch.settled)


def _list() -> int:
    from birefnet_video.devices.camera import list_cameras, open_camera

    found = list_cameras()
    for name, description in found:
        try:
            camera = open_camera(name, CameraSpec())
        except BirefnetVideoError as error:
            print(f"{name}  {description}  {error}")
            continue
        info = camera.info
        camera.close()
        print(f"{name}  {description}  {info.width}x{info.height}, {float(info.frame_rate):g} fps, {info.pixel_format}")
    if not found:
        print("no camera found", file=sys.stderr)
    return 0


def _watch(session: "LiveSession", noted: "SimpleQueue[SubjectNoted]", teller: LiveTeller, *, json_lines: bool) -> int:
    received = stop_on_signals(session.stop)
    if not json_lines:
        teller.begin(session.spec)
    session.start()
    said = 0.0
    while session.wait(_POLL_S) not in ("ended", "failed"):
        _say_subjects(noted, teller, json_lines=json_lines)
        snapshot = session.snapshot()
        if not json_lines:
            teller.tick(snapshot)
        elif snapshot.elapsed_s - said >= _JSON_S and snapshot.shown:
            said = snapshot.elapsed_s
            _say_json(snapshot)
    session.wait()
    _say_subjects(noted, teller, json_lines=json_lines)
    if session.error is not None:
        raise session.error
    if json_lines:
        _say_json(session.snapshot())
    else:
        teller.end(session.snapshot(), [output.path for output in session.spec.outputs if output.path != STDOUT])
    # Ctrl-C is how a session ends.
    if received and received[0] != signal.SIGINT:
        return 128 + received[0]
    return DamagedInput.exit_code if session.spec.matte.strict_subject and session.was_lost else 0


def _say_subjects(noted: "SimpleQueue[SubjectNoted]", teller: LiveTeller, *, json_lines: bool) -> None:
    """What has become of subjects since the last time."""
    while not noted.empty():
        event = noted.get()
        if json_lines:
            say_json({"event": "subject", **noted_record(event)})
        else:
            teller.say(f"subject: {event.describe()}")


def _say_json(snapshot: "LiveSnapshot") -> None:
    values: dict[str, Any] = asdict(snapshot)
    say_json({name: round(v, 4) if isinstance(v, float) else v for name, v in values.items()})
