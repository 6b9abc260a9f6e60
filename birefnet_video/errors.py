"""Every error that a user can meet.

BirefnetVideoError            exit 1
├── UsageError                exit 2    options that contradict each other or a value out of range
├── CheckpointError           exit 3    weights missing or not valid
├── BackendUnavailable        exit 4    device, engine or memory not available
│   ├── OutOfMemory           exit 4    too many frames at once
│   └── NoNumbers             exit 4    mattes that are no numbers
├── DamagedInput              exit 5    delivered in part
├── NotAVideo                 exit 65   the input is no usable video
├── NotAPicture               exit 65   the input is no usable picture
├── InputMissing              exit 66   the input is missing or not readable
├── OutputRefused             exit 73   the output cannot be created or written
└── VerificationFailed        exit 1    what was written is not what was promised
"""

import errno

#: What exit codes mean, for help and the manual.
EXIT_CODES = (
    (0, "done: all of it delivered"),
    (1, "unexpected failure"),
    (2, "wrong usage"),
    (3, "model or weights missing or not valid"),
    (4, "device, engine or memory not available"),
    (5, "delivered in part: damaged input, or some of many inputs failed"),
    (65, "the input is no usable video or picture"),
    (66, "the input is missing or not readable"),
    (73, "the output cannot be written, exists, or is the input"),
    (129, "hung up; what was written is kept"),
    (130, "interrupted; what was written is kept"),
    (143, "terminated; what was written is kept"),
)


class BirefnetVideoError(Exception):
    """What went wrong and where, in one line; ``hint`` says what to do."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class UsageError(BirefnetVideoError):
    """The options contradict each other or a value is out of its range."""

    exit_code = 2


class CheckpointError(BirefnetVideoError):
    """The model or its weights are missing or not valid."""

    exit_code = 3


class BackendUnavailable(BirefnetVideoError):
    """The device, the engine or the memory asked for is not available."""

    exit_code = 4


class OutOfMemory(BackendUnavailable):
    """The device holds fewer frames at once than were given."""


class NoNumbers(BackendUnavailable):
    """Mattes are no numbers: a half precision has overflowed, or weights are damaged."""


class DamagedInput(BirefnetVideoError):
    """The input is damaged or ends early; what could be read was delivered."""

    exit_code = 5


class NotAVideo(BirefnetVideoError):
    """The input is no usable video."""

    exit_code = 65


class NotAPicture(BirefnetVideoError):
    """The input is no usable picture."""

    exit_code = 65


class InputMissing(BirefnetVideoError):
    """The input is missing or not readable."""

    exit_code = 66


class OutputRefused(BirefnetVideoError):
    """The output cannot be created or written, exists, or is the input."""

    exit_code = 73


class VerificationFailed(BirefnetVideoError):
    """A written file does not hold what it should."""


def explained(error: BaseException) -> BaseException:
    """An error of the system as one of ours, where its reason is known: memory under limits, no possible name."""
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        return InputMissing(f"{error.filename}: no such file: the name is longer than any can be")
    text = str(error)
    lacks_memory = (
        isinstance(error, MemoryError)
        or (isinstance(error, OSError) and error.errno == errno.ENOMEM)
        or (isinstance(error, ImportError) and ("failed to map segment" in text or "annot allocate memory" in text))
        or (isinstance(error, RuntimeError) and "can't start new thread" in text)
    )
    if not lacks_memory:
        return error
    return BackendUnavailable(
        f"not enough memory: {first_line(error)}",
        hint="free some, raise the limit (ulimit -v), or use a smaller --size",
    )


def first_line(error: BaseException) -> str:
    """An error of a library in one line."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
