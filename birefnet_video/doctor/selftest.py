"""A render from end to end: a clip is made, rendered with the bundled network, and decoded again to check it."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import av
import av.error

from birefnet_video.doctor.clip import FRAMES, write_clip
from birefnet_video.doctor.finding import Finding, Section
from birefnet_video.errors import BackendUnavailable, BirefnetVideoError, VerificationFailed, first_line
from birefnet_video.inputs.probe import probe
from birefnet_video.jobs import Job
from birefnet_video.options.job import JobSpec
from birefnet_video.options.network import BackendSpec
from birefnet_video.options.outputs import OutputSpec, WritingSpec
from birefnet_video.zoo.known import BUNDLED

if TYPE_CHECKING:
    from birefnet_video.events import JobReport

_TITLE = "Self-test"


def look_at_a_render(*, gpu_is_idle: bool) -> Section:
    """Render a second of video and check what was written.

    Args:
        gpu_is_idle: there is a GPU that cannot be used, which a render that works is not silent about.
    """
    title = "render and verify"
    try:
        with tempfile.TemporaryDirectory(prefix="birefnet-video-") as folder:
            report = render_clip(Path(folder))
    except BirefnetVideoError as error:
        return Section(_TITLE, (Finding(title, "broken", error.message, error.hint or ""),))
    except (OSError, av.error.FFmpegError) as error:
        return Section(_TITLE, (Finding(title, "broken", f"the clip cannot be made: {first_line(error)}"),))
    text = f"{report.frames} frames with sound, {report.fps:.1f} frames a second; {report.backend}"
    if gpu_is_idle:
        late = Finding(title, "broken", f"{text}; on the CPU, though there is a GPU", "see Devices")
        return Section(_TITLE, (late,), BackendUnavailable.exit_code)
    return Section(_TITLE, (Finding(title, "ok", text),))


def render_clip(folder: Path) -> "JobReport":
    """Render a made clip as a user would, verified in full.

    Args:
        folder: for the clip and the output.

    Raises:
        BirefnetVideoError: if the render fails, or what was written is not what it should be.
        OSError: if the clip cannot be made.
    """
    source, target = folder / "clip.mp4", folder / "clip.mov"
    write_clip(source)
    spec = JobSpec(
        source,
        (OutputSpec("alpha", target),),
        backend=BackendSpec(model=BUNDLED),
        writing=WritingSpec(verify="full"),
    )
    job = Job(spec)
    job.start()
    try:
        report = job.result()
    except KeyboardInterrupt:
        job.cancel(keep=False)
        job.wait()
        raise
    written = probe(target)
    if (report.frames, written.frame_count) != (FRAMES, FRAMES):
        raise VerificationFailed(f"{FRAMES} frames were read and {written.frame_count} written")
    if not written.has_alpha or written.audio_tracks != 1:
        raise VerificationFailed("alpha or sound is missing in what was written")
    return report
