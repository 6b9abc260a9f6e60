"""All of it, one section after the other."""

from collections.abc import Callable, Iterable, Iterator

from birefnet_video.doctor.devices import Signs, find_signs, look_at_devices
from birefnet_video.doctor.extras import look_at_extras
from birefnet_video.doctor.finding import Finding, Section
from birefnet_video.doctor.networks import look_at_networks
from birefnet_video.doctor.program import look_at_program
from birefnet_video.doctor.storage import look_at_storage
from birefnet_video.errors import BirefnetVideoError, first_line


def examine(*, self_test: bool, thorough: bool) -> Iterator[Section]:
    """Look at everything; each section comes when it is done.

    Args:
        self_test: render a clip at the end.
        thorough: try engines that take minutes, too.
    """
    signs = find_signs()
    yield _guarded("Program", look_at_program)
    yield (devices := _guarded("Devices", lambda: look_at_devices(signs)))
    yield _guarded("Engines", lambda: _engines(thorough=thorough))
    yield _guarded("Extras", look_at_extras)
    yield _guarded("Codecs", lambda: _codecs(signs))
    yield _guarded("Models", look_at_networks)
    yield _guarded("Storage", look_at_storage)
    if self_test:
        yield _guarded("Self-test", lambda: _self_test(gpu_is_idle=bool(devices.broken)))


def exit_code_of(sections: Iterable[Section]) -> int:
    """The exit code that says what was found: the least of those that broken sections have, so 1 before 4."""
    return min((section.exit_code for section in sections if section.broken), default=0)


def _guarded(title: str, look: Callable[[], Section]) -> Section:
    """A section; a library that is missing or broken is a finding of it and not the end of all others."""
    try:
        return look()
    except (ImportError, OSError, RuntimeError, AttributeError, BirefnetVideoError) as error:
        text = f"cannot be looked at: {first_line(error)}"
        return Section(title, (Finding(title.lower(), "broken", text, "see Program"),))


def _engines(*, thorough: bool) -> Section:
    from birefnet_video.doctor.engines import look_at_engines

    return look_at_engines(thorough=thorough)


def _codecs(signs: Signs) -> Section:
    from birefnet_video.doctor.codecs import look_at_codecs

    return look_at_codecs(has_nvidia=signs.has_nvidia)


def _self_test(*, gpu_is_idle: bool) -> Section:
    from birefnet_video.doctor.selftest import look_at_a_render

    return look_at_a_render(gpu_is_idle=gpu_is_idle)
