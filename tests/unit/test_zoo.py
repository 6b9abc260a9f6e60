"""The table of known networks says of each what one must know, and files are known by what they hold."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from birefnet_video.model.backbones import BACKBONES
from birefnet_video.model.weights import __file__ as weights_file

from birefnet_video.errors import CheckpointError
from birefnet_video.options.network import BackendSpec
from birefnet_video.zoo import pull as pulling
from birefnet_video.zoo.files import find_weights, identify, row_of, weights_path
from birefnet_video.zoo.known import BUNDLED, KnownModel, Source, known_files, known_models
from birefnet_video.zoo.licences import licence_to_show
from birefnet_video.zoo.sizes import input_size

TABLE = known_models()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A user without any files."""
    for kind in ("DATA", "STATE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / kind.lower()))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    yield tmp_path


def test_the_default_network_is_the_bundled_one_and_the_first_advice_after_it_is_small() -> None:
    assert BackendSpec().model == BUNDLED == next(iter(TABLE))
    assert list(TABLE)[1:4] == ["lite-matting", "general", "dynamic"]


@pytest.mark.parametrize("row", TABLE.values(), ids=lambda row: row.name)
def test_a_row_says_what_one_must_know(row: KnownModel) -> None:
    assert row.use and row.licence and row.sale in ("yes", "no") and row.because
    assert row.backbone in BACKBONES
    assert (row.size is not None) != (row.smallest is not None) or row.is_bundled
    for source in row.sources:
        assert re.fullmatch(r"[0-9a-f]{40}", source.revision or "0" * 40)
        assert re.fullmatch(r"[0-9a-f]{64}", source.sha256 or "0" * 64)
        assert source.url is None or source.url.startswith("https://")
    names = [source.name for source in row.sources]
    assert len(set(names)) == len(names)
    # What nobody vouches for is not left to a guess about its order, unless nobody knows that either.
    assert row.patch_order != "auto" or "evidence" in row.because


def test_the_bundled_file_is_as_large_as_its_row_says() -> None:
    assert find_weights(TABLE[BUNDLED]) == Path(weights_file).parent / "tiny.safetensors"
    assert Path(weights_file).with_name("tiny.safetensors").stat().st_size == TABLE[BUNDLED].bytes


def test_no_two_networks_have_the_same_hash() -> None:
    hashes = [digest for row in TABLE.values() for digest in {digest for _, digest in row.hashes}]
    assert len(set(hashes)) == len(hashes)


def test_the_order_of_files_from_before_the_change_is_pinned() -> None:
    legacy = {name for name, row in TABLE.items() if row.patch_order == "legacy"}
    assert legacy == {"general", "lite", "lite-2k", "matting", "portrait", "dis5k", "hrsod", "cod", "rmbg-2.0"}


def hub_file(home: Path, row: KnownModel, *, revision: str, blob: str, size: int | None = None) -> Path:
    """A file as the hub's own programs leave it, with nothing in it."""
    folder = home / "hub" / f"models--{str(row.repository).replace('/', '--')}"
    (folder / "blobs").mkdir(parents=True, exist_ok=True)
    (folder / "snapshots" / revision).mkdir(parents=True)
    with (folder / "blobs" / blob).open("wb") as file:
        file.truncate(row.bytes if size is None else size)
    link = folder / "snapshots" / revision / row.file
    link.symlink_to(f"../../blobs/{blob}")
    return link


def test_weights_that_other_programs_have_fetched_are_found_by_revision_or_by_content(home: Path) -> None:
    row = TABLE["lite-matting"]
    assert find_weights(row) is None
    hub_file(home, row, revision="a" * 40, blob="another")
    assert find_weights(row) is None
    link = hub_file(home, row, revision="b" * 40, blob=str(row.sha256))
    assert find_weights(row) == link
    pinned = hub_file(home, row, revision=str(row.revision), blob="copied")
    assert find_weights(row) == pinned
    assert weights_path("lite-matting") == pinned


def test_a_file_that_is_cut_short_does_not_count_as_here(home: Path) -> None:
    row = TABLE["lite-matting"]
    hub_file(home, row, revision=str(row.revision), blob=str(row.sha256), size=1000)
    assert find_weights(row) is None
    with pytest.raises(CheckpointError, match=r"lite-matting \(89 MB, MIT\).*models pull lite-matting"):
        weights_path("lite-matting")


def test_without_a_pinned_file_any_snapshot_counts(home: Path) -> None:
    row = TABLE["dis5k"]
    link = hub_file(home, row, revision="c" * 40, blob="whatever", size=10)
    assert find_weights(row) == link


def test_a_file_is_known_by_its_bytes_whatever_it_is_called(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = home / "my.safetensors"
    path.write_bytes(b"weights")
    row = KnownModel(name="x", file="x", bytes=7, sha256=hashlib.sha256(b"weights").hexdigest(), licence="MIT", use="x",
                     trained="512", patch_order="legacy")  # fmt: skip
    monkeypatch.setattr("birefnet_video.zoo.files.known_models", lambda: {"x": row})
    assert identify(path) == row == row_of(str(path))
    assert input_size(str(path), 1920, 1080) == (512, 512)
    path.write_bytes(b"another")
    assert identify(path) is None


def test_sizes_follow_the_picture_where_a_network_takes_any() -> None:
    assert input_size("dynamic", 1920, 1080) == (768, 1376)
    assert input_size("dynamic", 100, 10000) == (2304, 256)
    assert input_size("lite-2k", 640, 360) == (1440, 2560)
    assert input_size("hr-matting", 640, 360) == (2048, 2048)


def test_a_licence_that_forbids_sale_is_shown_once(home: Path) -> None:
    assert licence_to_show(TABLE["general"]) is None and licence_to_show(None) is None
    assert "CC BY-NC 4.0" in str(licence_to_show(TABLE["rmbg-2.0"]))
    assert licence_to_show(TABLE["rmbg-2.0"]) is None


def test_a_name_that_is_nearly_one_is_understood() -> None:
    for wrong, right in (("lite-mating", "lite-matting"), ("BiRefNet_lite", "lite"), ("General", "general")):
        with pytest.raises(CheckpointError, match=f"did you mean {right}"):
            weights_path(wrong)


@pytest.mark.parametrize(
    ("endpoint", "source", "location", "asked", "sent"),
    [
        ("https://huggingface.co", {"is_first": True}, "https://huggingface.co/x", None, None),
        ("https://huggingface.co", {"is_first": True}, "https://cdn.example/x", None, False),
        ("https://huggingface.co", {}, "https://huggingface.co/x", False, False),
        ("https://hub.example", {"is_first": True}, "https://hub.example/x", False, False),
        ("https://huggingface.co.example", {"is_first": True}, "https://huggingface.co.example/x", False, False),
    ],
)
def test_a_token_goes_to_the_hub_alone(
    endpoint: str, source: dict[str, bool], location: str, asked: object, sent: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``None``: the token that the user has logged in with; ``False``: none."""
    tokens: list[Any] = []

    def metadata(url: str, *, token: Any, **_: Any) -> SimpleNamespace:
        tokens.append(token)
        return SimpleNamespace(etag="e" * 64, size=3, location=location, commit_hash="c" * 40)

    def headers(*, token: Any, **_: Any) -> dict[str, str]:
        tokens.append(token)
        return {}

    monkeypatch.setattr("huggingface_hub.hf_hub_url", lambda *_, **__: f"{endpoint}/x")
    monkeypatch.setattr("huggingface_hub.get_hf_file_metadata", metadata)
    monkeypatch.setattr("huggingface_hub.utils.build_hf_headers", headers)
    pulling._on_hub(TABLE["dis5k"], Source(repository="a/b", file="f", **source))
    assert tokens == [asked, sent]


def test_a_tracker_is_listed_and_is_no_network() -> None:
    assert "edgetam" not in known_models() and known_files()["edgetam"].kind == "tracker"
    assert {row.kind for row in known_models().values()} == {"network"}
    with pytest.raises(CheckpointError, match="edgetam follows subjects and makes no mattes") as error:
        weights_path("edgetam")
    assert error.value.hint == "--tracker edgetam uses it"
