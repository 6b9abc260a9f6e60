"""What ``gpu.py`` measures of live sessions: how late pictures come out, composed on the device and on the CPU."""

from collections.abc import Iterator

from gpu_setup import Setup, clip_of, weights_of

from birefnet_video.events import LiveState
from birefnet_video.live.session import LiveSession
from birefnet_video.options.live import LiveSpec, PaceSpec
from birefnet_video.options.matte import LiveMatteSpec
from birefnet_video.options.network import NetworkSpec
from birefnet_video.options.outputs import OutputSpec

#: Seconds of the clip that are shown, at its own pace.
_SECONDS = 6
#: Where pictures are composed, and who is followed.
_KINDS = (("device", None), ("cpu", None), ("device", "auto"))


def live(setup: Setup) -> Iterator[str]:
    """Live sessions of the clip with smoothing: how late pictures come out, and what the network takes of that."""
    for compose_on, subject in _KINDS:
        yield f"--compose-on {compose_on}{'' if subject is None else f', --subject {subject}'}: " + _shown(
            setup, compose_on, subject
        )


def _shown(setup: Setup, compose_on: str, subject: str | None) -> str:
    """How a session went, in words."""
    told: list[str] = []
    network = NetworkSpec(
        model=str(weights_of(setup, setup.networks[-1])),
        size=setup.size,
        device=setup.device,
        engine=setup.engine,  # type: ignore[arg-type]
        compose_on=compose_on,  # type: ignore[arg-type]
    )
    recording = OutputSpec("composite", setup.folder / "live.mp4")
    session = LiveSession(
        LiveSpec(
            str(clip_of(setup)),
            (recording,),
            pace=PaceSpec(duration=_SECONDS),
            backend=network,
            matte=LiveMatteSpec(smooth="live", subject=subject),
        ),
        notify=told.append,
    )
    session.start()
    state, seen = session.wait(), session.snapshot()
    if state is not LiveState.ENDED:
        return f"{state.value}: {session.error}"
    recording.path.unlink()
    words = (
        f"{seen.shown} of {seen.taken} pictures, {seen.looks} looks, "
        f"latency {1000 * seen.latency_p50_s:.1f} ms (95 % within {1000 * seen.latency_p95_s:.1f}), "
        f"network {1000 * seen.network_s:.1f} ms"
    )
    return "; ".join((words, *(line for line in told if "memory" in line or "CPU" in line)))
