"""The model card: its template filled with figures, with counts of the sets, and with what the log of the run says."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any

from sources import ByHand, Photographs, Sources
from teacher_sets import KINDS

from birefnet_video.pictures.files import list_pictures

HERE = Path(__file__).parent
#: Figures of a set, and of the networks beside each other.
_KEYS, _NETWORKS = ("IoU", "MAE", "S", "band"), ("tiny", "U2Netp")
#: What a set that is put in place by hand is trained on as.
_BECOMES = {"voc_sbd": "sbd_band"}


def write_card(figures: Mapping[str, Any], sources: Sources, data: Path, share: float, path: Path) -> None:
    """Fill the template.

    Args:
        figures: of benchmarks/tiny.py, with those of benchmarks/sample.py under ``sample``.
        sources: the tables.
        data: folder of the sets that were trained on.
        share: of the trained weights in what is shipped.
        path: of the card.

    Raises:
        KeyError: if the template asks for something else.
    """
    run = tomllib.loads((HERE / "run.toml").read_text(encoding="utf-8"))
    filled = {
        "rows": "\n".join(_row(name, row) for name, row in figures["sets"].items()),
        "by_hand": "\n".join(_by_hand(row, data) for row in sources.by_hand),
        "photographs": "\n".join(_photographs(row, data) for row in sources.photographs),
        **{kind: str(_count(data / kind)) for kind in KINDS},
        **{kind: str(len(list_pictures(data / kind))) for kind in ("stamps", "renders", "clipart")},
        "share": f"{share:g}",
        "rest": f"{1 - share:g}",
        "empty": _empty(figures["empty"]),
        "sample": "\n".join(_sample(name, row) for name, row in figures["sample"]["tiny"].items()),
        "speed": f"{figures['frames_per_second']['tiny']:.1f}",
        "samples": run["samples"],
        "curve": "\n".join(f"| {' | '.join(map(str, row))} |" for row in run["curve"]),
    }
    template = Template((HERE / "MODEL_CARD.template.md").read_text(encoding="utf-8"))
    path.write_text(template.substitute(filled), encoding="utf-8")


def _row(name: str, row: Mapping[str, Mapping[str, float]]) -> str:
    cells = (f"{row[network][key]:.3f}" for key in _KEYS for network in _NETWORKS)
    return f"| {name} | {' | '.join(cells)} |"


def _by_hand(row: ByHand, data: Path) -> str:
    count = _count(data / _BECOMES.get(row.name, row.name))
    used = str(count) if count == row.pictures else f"{count} of {row.pictures}"
    terms = f"{row.terms} ({row.source})" if row.source else row.terms
    return f"| {row.name} | {used} | {row.made} | {terms} |"


def _photographs(row: Photographs, data: Path) -> str:
    terms = f"{row.terms} ({row.repository}@{row.commit[:10]})"
    if not row.variety:
        return f"| {row.name} | {_count(data / row.name)} | no subject | {terms} |"
    counts = {
        kind: sum(stem.startswith(f"{row.name}__") for stem in list_pictures(data / kind / "im")) for kind in KINDS
    }
    made = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count) or "none was good enough"
    return f"| {row.name} | {sum(counts.values())} | {made} | {terms} |"


def _count(folder: Path) -> int:
    """Pictures of a set that are trained on."""
    left_out = (folder / "exclude.txt").read_text().split("\n") if (folder / "exclude.txt").exists() else []
    return len(list_pictures(folder / "im").keys() - set(left_out))


def _empty(figures: Mapping[str, Mapping[str, float]]) -> str:
    lines = (
        f"| {name} | {row['pictures']:.0f} | {row['mean']:.4f} | {row['median']:.4f} | {row['below 0.01']:.0%} |"
        for name, row in figures.items()
    )
    return "\n".join(lines)


def _sample(clip: str, row: Mapping[str, Any]) -> str:
    each = " ".join(f"{value:.3f}" for value in row["frames"].values())
    return f"| `{clip}.mp4` | {each} | {row['mean']:.3f} | {row['least']:.3f} | {row['inside']:.3f} |"
