"""``birefnet-video doctor``: what works here and what does not."""

from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated

from attrs import field, frozen

from birefnet_video.errors import UsageError
from birefnet_video.options.group import FLAT, Flag, option_group
from birefnet_video.options.run import JsonSpec

if TYPE_CHECKING:
    from birefnet_video.doctor.finding import Section


@option_group
@frozen(kw_only=True, slots=False)
class DoctorSpec(JsonSpec):
    """What is looked at, and how it is said.

    Raises:
        UsageError: if it is to be said in two ways.
    """

    report: Flag = field(default=False)
    """Print plain text without names and paths of yours, to paste into an issue."""
    no_self_test: Flag = field(default=False)
    """Leave out the render of a second of video at the end."""
    thorough: Flag = field(default=False)
    """Try every engine that is installed with a small network: takes minutes."""

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if self.report and self.json_lines:
            raise UsageError("--report and --json: both say how it is printed", hint="give one of them")


def doctor(*, options: Annotated[DoctorSpec, FLAT] = DoctorSpec()) -> int:
    """Say what works on this machine: devices, engines, codecs, models, caches, and a render of a second.

    For example:
    birefnet-video doctor
    birefnet-video doctor --report > report.txt

    Exits with 4 if there is a GPU that cannot be used, with 1 if something else does not work.
    """
    from rich.console import Console

    from birefnet_video.doctor.examine import examine, exit_code_of
    from birefnet_video.doctor.showing import print_section

    console, errors = Console(highlight=False), Console(stderr=True)
    is_text = not options.json_lines and not options.report
    # What moves while one waits is drawn by the console that prints: another would write into its line.
    waiting = console if is_text and console.is_terminal else errors
    found: list[Section] = []
    with waiting.status("looking at this machine") if waiting.is_terminal else nullcontext():
        for section in examine(self_test=not options.no_self_test, thorough=options.thorough):
            found.append(section)
            if is_text:
                print_section(section, console)
                console.file.flush()
    _end(found, options)
    return exit_code_of(found)


def _end(found: "list[Section]", options: DoctorSpec) -> None:
    from birefnet_video.doctor.privacy import private_here, redacted_sections
    from birefnet_video.doctor.showing import as_json, report_lines, verdict
    from birefnet_video.json_lines import say_json

    if options.json_lines:
        say_json(as_json(found))
    elif options.report:
        told = redacted_sections(found, private_here())
        print("\n".join([*report_lines(told), verdict(told)]))
    else:
        print(verdict(found))
