"""What no configuration can say: it is a matter of one call."""

from collections.abc import Mapping

_FILE = "names a file of one call, and the next call would write over it"
_INPUT = "says what one call works on"
_PART = "takes a part of one input"
_WATCH = "is about how one call is watched"
_NO_WRITING = "would keep every call from writing"
_CONFIG = "says where settings come from"

#: Options by their names in a configuration, and why they can stand on the command line only.
CALL_ONLY: Mapping[str, str] = {
    "alpha": _FILE,
    "mask": _FILE,
    "green": _FILE,
    "composite": _FILE,
    "foreground": _FILE,
    "id_mask": _FILE,
    "record": _FILE,
    "out": _FILE,
    "stream": "sends pictures to others, which every call says for itself",
    "out_dir": "names a folder of one call",
    "recursive": _INPUT,
    "skip_existing": "says what becomes of what one call finds",
    "queue": "is about when one call is carried out",
    "start": _PART,
    "end": _PART,
    "to": _PART,
    "duration": _PART,
    "video_track": _PART,
    "subject": _INPUT,
    "exclude": _INPUT,
    "not": _INPUT,
    "subjects": _INPUT,
    "pred": _INPUT,
    "gt": _INPUT,
    "data": _INPUT,
    "video": _INPUT,
    "init": _INPUT,
    "series": _INPUT,
    "volume": _INPUT,
    "patch_order": "is about the weights of one file",
    "dry_run": _NO_WRITING,
    "estimate": _NO_WRITING,
    "look": _NO_WRITING,
    "json_lines": _WATCH,
    "json": _WATCH,
    "tui": _WATCH,
    "detach": _WATCH,
    "config": _CONFIG,
    "no_config": _CONFIG,
}
