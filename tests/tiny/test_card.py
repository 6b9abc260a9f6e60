"""The model card that `make tiny` writes."""

from pathlib import Path

import pytest
from card import write_card
from pictures import make_cutouts, make_set
from sources import ByHand, Photographs, Sources
from teacher_sets import KINDS

FIGURES = {
    "sets": {
        "davis": {
            "tiny": {"IoU": 0.61, "MAE": 0.03, "S": 0.8, "band": 0.2},
            "U2Netp": {"IoU": 0.75, "MAE": 0.02, "S": 0.9, "band": 0.1},
        }
    },
    "empty": {"tiny": {"pictures": 3, "mean": 0.0123, "median": 0.002, "below 0.01": 0.667}},
    "sample": {"tiny": {"dog": {"frames": {"0": 0.5, "14": 0.9}, "mean": 0.7, "least": 0.5, "inside": 0.96}}},
    "frames_per_second": {"tiny": 10.84},
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two sets put in place by hand, one of a repository without a subject, and what teachers made of another."""
    for name, count in (("persons", 4), ("voc_sbd", 3), ("sbd_band", 3), ("roads", 5)):
        make_set(tmp_path, name, count)
    (tmp_path / "roads" / "exclude.txt").write_text("0\n3\n")
    (tmp_path / "persons" / "exclude.txt").write_text("0\n")
    for kind in KINDS:
        make_set(tmp_path, kind, 1)
        path = tmp_path / kind / "im" / "0.jpg"
        path.rename(path.with_name("birds__0.jpg" if kind != "agreed" else "other__0.jpg"))
    for name in ("stamps", "renders", "clipart"):
        make_cutouts(tmp_path, name)
    return tmp_path


def photographs(name: str, variety: float) -> Photographs:
    return Photographs(
        name=name,
        repository=f"somebody/{name}",
        commit="0123456789" * 4,
        pattern="",
        listing="",
        most=9,
        least_side=1,
        terms="theirs",
        variety=variety,
    )


def test_the_card_counts_what_was_trained_on_and_says_what_was_measured(data: Path) -> None:
    by_hand = tuple(
        ByHand(name=name, pictures=count, labels="gt", made="drawn", source=source, terms="mine", digest="")
        for name, count, source in (("persons", 4, ""), ("voc_sbd", 3, "me@1"))
    )
    sources = Sources(by_hand, (photographs("birds", 1.0), photographs("roads", 0.0), photographs("nothing", 0.5)))
    write_card(FIGURES, sources, data, 0.6, data / "card.md")
    lines = (data / "card.md").read_text().splitlines()
    for line in (
        "| persons | 3 of 4 | drawn | mine |",
        "| voc_sbd | 3 | drawn | mine (me@1) |",
        "| birds | 2 | 1 rough, 1 soft | theirs (somebody/birds@0123456789) |",
        "| roads | 3 | no subject | theirs (somebody/roads@0123456789) |",
        "| nothing | 0 | none was good enough | theirs (somebody/nothing@0123456789) |",
        "| davis | 0.610 | 0.750 | 0.030 | 0.020 | 0.800 | 0.900 | 0.200 | 0.100 |",
        "| tiny | 3 | 0.0123 | 0.0020 | 67% |",
        "| `dog.mp4` | 0.500 0.900 | 0.700 | 0.500 | 0.960 |",
    ):
        assert line in lines
    text = "\n".join(lines)
    assert "$" not in text and "0.6 to 0.4" in text and "Speed: 10.8 pictures" in text
