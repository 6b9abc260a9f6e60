"""Where each command is: it is imported when it is called, when help lists it, and when a configuration needs it."""

from types import MappingProxyType

_HERE = "birefnet_video.commands"
#: Functions and groups of commands by the names that users type.
COMMANDS = MappingProxyType(
    {
        "train": f"{_HERE}.train:train",
        "eval": f"{_HERE}.evaluate:evaluate",
        "export": f"{_HERE}.export:export",
        "bench": f"{_HERE}.bench:bench",
        "probe": f"{_HERE}.probe:probe",
        "models": f"{_HERE}.models:models",
        "webcam": f"{_HERE}.webcam:webcam",
        "image": f"{_HERE}.image:image",
        "stack": f"{_HERE}.stack:stack",
        "tui": "birefnet_video.tui.commands:tui",
        "attach": "birefnet_video.tui.commands:attach",
        "jobs": f"{_HERE}.jobs:jobs",
        "doctor": f"{_HERE}.doctor:doctor",
    }
)
#: The same of what the program calls itself.
INTERNAL = MappingProxyType(
    {
        "work": f"{_HERE}.jobs:work",
        "carry-out": "birefnet_video.execute:execute_record",
        "show-frames": f"{_HERE}.show_frames:show_frames",
    }
)
