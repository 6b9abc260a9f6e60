"""``birefnet-video webcam``: a camera matted while it films."""

import signal
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from birefnet_video.errors import BirefnetVideoError, UsageError
from birefnet_video.report import say_json
from birefnet_video.signals import stop_on_signals
from birefnet_video.spec import (
    BackendSpec,
    CameraSpec,
    ColourSpec,
    Decontamination,
    EngineName,
    LiveSpec,
    MatteSpec,
    OutputSpec,
    Precision,
    check_choice,
    parse_background,
    parse_rate,
    parse_size,
    parse_time,
)

if TYPE_CHECKING:
    from birefnet_video.events import LiveSnapshot
    from birefnet_video.live.session import LiveSession

_POLL_S, _SAY_S = 0.25, 5.0


@dataclass(frozen=True, slots=True)
class LiveRequest:
    """A live session as the command line asks for it."""

    spec: LiveSpec
    json_lines: bool
    tui: bool
    record_id: str | None

    def run(self) -> int:
        """Run it in this process and return the exit code."""
        from birefnet_video.live.session import LiveSession

        if self.record_id is None:
            session = LiveSession(self.spec, notify=lambda line: print(f"note: {line}", file=sys.stderr, flush=True))
            return _watch(session, json_lines=self.json_lines)
        from birefnet_video.remote.process import serve_live
        from birefnet_video.remote.served_live import ServedLive
        from birefnet_video.remote.store import JobStore

        served = ServedLive()
        served.begin(session := LiveSession(self.spec, notify=served.note))
        return serve_live(served, JobStore(), self.record_id, lambda: _watch(session, json_lines=False))


def webcam(
    device: Annotated[str | None, Parameter(name="DEVICE")] = None,
    /,
    *,
    list_cameras: Annotated[bool, Parameter(name="--list", negative=(), show_default=False)] = False,
    camera_size: str | None = None,
    rate: str | None = None,
    camera_format: str | None = None,
    virtual_camera: str | None = None,
    only_watched: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
    stream: str | None = None,
    record: Path | None = None,
    alpha: Path | None = None,
    background: str = "blur",
    mirror: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
    latency: float | None = None,
    smooth: str = "live",
    threshold: float | None = None,
    decontaminate: Decontamination = "fast",
    duration: Annotated[str | None, Parameter(name=["-t", "--duration"])] = None,
    overwrite: Annotated[bool, Parameter(name=["--overwrite", "-y"], negative=(), show_default=False)] = False,
    model: Annotated[str, Parameter(name=["--model", "-m"])] = "tiny",
    size: str | None = None,
    compute: Annotated[str, Parameter(name="--device")] = "auto",
    engine: EngineName = "auto",
    precision: Precision = "auto",
    calibration: Path | None = None,
    json_lines: Annotated[bool, Parameter(name="--json", negative=(), show_default=False)] = False,
    tui: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
    job: Annotated[str | None, Parameter(show=False)] = None,
) -> LiveRequest | int:
    """Cut the subject out of a camera's pictures while it films.

    Example: birefnet-video webcam --virtual-camera auto --background office.jpg

    Parameters
    ----------
    device
        Camera, video file, lavfi: and a filter, or rtsp:// and the like. Default: the first camera.
    list_cameras
        Open each camera, say what it gives by itself or why it does not, and end.
    camera_size
        Of the camera's pictures, WIDTHxHEIGHT.
    rate
        Of the camera, pictures a second.
    camera_format
        Of the camera, such as mjpeg or yuyv422.
    virtual_camera
        Be a camera for other programs: auto, or the name of a device (extra: webcam; see docs/webcam.md).
    only_watched
        Use the camera only while a program uses the virtual camera (Linux).
    stream
        Send the subject over the background to rtmp://, srt://, udp:// or tcp://.
    record
        Record the subject over the background: .mp4, .mov, .mkv, .webm.
    alpha
        Record straight alpha (.mov, .webm, .mkv), or - for raw RGBA on standard output.
    background
        Colour name, #rrggbb, blur, blur:RADIUS, or a picture or video file.
    mirror
        Show left as right.
    latency
        Milliseconds: make the network's input smaller, then take tiny, until pictures come out this fast.
    smooth
        live, or off.
    threshold
        Make edges hard from this alpha on.
    decontaminate
        Free soft edges from the old background's colour.
    duration
        End after so long. Default: Ctrl-C.
    overwrite
        Replace recordings that exist.
    model
        As of a render.
    size
        Of the network's input.
    compute
        What the network runs on: auto, cpu, cuda, cuda:N or mps.
    engine
        As of a render.
    precision
        As of a render.
    calibration
        Pictures for int8: a folder of them, or a video.
    json_lines
        One JSON object a second on stdout; the last one is the result.
    tui
        Watch and steer it in a terminal interface.
    job
        The record of this session: set by the program itself.
    """
    check_choice("--smooth", smooth, ("off", "live"))
    if list_cameras:
        return _list()
    if device is None:
        from birefnet_video.media.camera import first_camera

        device = first_camera()
    behind = parse_background(background)
    outputs = []
    if record is not None:
        outputs.append(OutputSpec("composite", record, behind))
    if alpha is not None:
        outputs.append(OutputSpec("alpha", alpha))
    if not outputs and virtual_camera is None and stream is None and not tui and job is None:
        hint = "--virtual-camera auto, --record FILE, --alpha -, --stream ADDRESS or --tui"
        raise UsageError("no output is named", hint=hint)
    if json_lines and str(alpha) == "-":
        raise UsageError("--json and --alpha - both want standard output")
    spec = LiveSpec(
        device,
        tuple(outputs),
        virtual_camera,
        behind,
        BackendSpec(model, parse_size(size), compute, 1, engine, precision, calibration=calibration),
        MatteSpec("live" if smooth == "live" else "off", threshold=threshold),
        ColourSpec(decontaminate),
        _camera(camera_size, rate, camera_format),
        mirror,
        overwrite,
        latency,
        float(parse_time(duration, "-t")) if duration is not None else None,
        stream,
        only_watched,
    )
    if tui and str(alpha) == "-":
        raise UsageError("--tui runs it in another process, which does not have this one's pipes")
    return LiveRequest(spec, json_lines=json_lines, tui=tui, record_id=job)


def _camera(size: str | None, rate: str | None, pixel_format: str | None) -> CameraSpec:
    width = height = None
    if size is not None:
        sides = size.lower().split("x")
        if len(sides) != 2 or not all(side.isdecimal() for side in sides):
            raise UsageError(f"--camera-size: {size!r} is not WIDTHxHEIGHT")
        width, height = int(sides[0]), int(sides[1])
    return CameraSpec(width, height, parse_rate(rate) if rate is not None else None, pixel_format)


def _list() -> int:
    from birefnet_video.media.camera import list_cameras, open_camera

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


def _watch(session: "LiveSession", *, json_lines: bool) -> int:
    received = stop_on_signals(session.stop)
    session.start()
    said = 0.0
    while session.wait(_POLL_S) not in ("ended", "failed"):
        snapshot = session.snapshot()
        if snapshot.elapsed_s - said >= (1.0 if json_lines else _SAY_S) and snapshot.shown:
            said = snapshot.elapsed_s
            _say(snapshot, json_lines=json_lines)
    session.wait()
    if session.error is not None:
        raise session.error
    _say(session.snapshot(), json_lines=json_lines)
    # Ctrl-C is how a session ends.
    return 0 if not received or received[0] == signal.SIGINT else 128 + received[0]


def _say(snapshot: "LiveSnapshot", *, json_lines: bool) -> None:
    if json_lines:
        values: dict[str, Any] = asdict(snapshot)
        say_json({name: round(v, 4) if isinstance(v, float) else v for name, v in values.items()})
        return
    size = f", network sees {snapshot.size[1]}x{snapshot.size[0]}" if snapshot.size else ""
    print(
        f"{snapshot.state}: {snapshot.shown} of {snapshot.taken} pictures, {snapshot.dropped} dropped, "
        f"{snapshot.reused} unchanged, {snapshot.fps:.1f} fps, latency {1000 * snapshot.latency_p50_s:.0f} ms "
        f"(p95 {1000 * snapshot.latency_p95_s:.0f}, longest {1000 * snapshot.latency_max_s:.0f}), "
        f"network {1000 * snapshot.network_s:.0f} ms, all else {1000 * snapshot.beyond_p95_s:.0f} (p95){size}",
        file=sys.stderr,
        flush=True,
    )
