"""``birefnet-video models`` against a hub on the loopback address, as a shell runs it."""

import hashlib
import json
import resource
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import fill
import numpy as np
import pytest
import torch
from clips import make_clip
from hub import COMMIT, Hub, running_hub
from hub_user import PROGRAM, Shell
from official import DATA, official_weights
from safetensors.torch import save, save_file
from wait import until

from birefnet_video.zoo.files import weights_path


def shell(home: Path, hub: Hub, *names: str) -> Shell:
    made = Shell(home, hub)
    for name in names:
        made.add_row(name)
    return made


@pytest.fixture(scope="session")
def tiny_swin() -> bytes:
    return save(official_weights("swin_v1_t"))


@pytest.fixture(scope="session")
def large_swin() -> bytes:
    return save(official_weights("swin_v1_l"))


def assert_one_line(ran: "subprocess.CompletedProcess[str]", code: int, *words: str) -> None:
    assert ran.returncode == code, ran.stderr
    lines = [line for line in ran.stderr.splitlines() if "error:" in line]
    assert len(lines) == 1 and ran.stderr.splitlines()[-1] == lines[0], ran.stderr
    assert all(word in lines[0] for word in words), ran.stderr
    assert "Traceback" not in ran.stderr and "UserWarning" not in ran.stderr


@pytest.mark.slow
def test_the_way_of_a_model_from_the_list_to_its_removal(tmp_path: Path, tiny_swin: bytes) -> None:
    with running_hub(small=tiny_swin) as hub:
        user = shell(tmp_path, hub, "small")
        make_clip(tmp_path / "in.mp4", frames=2)
        render = ["in.mp4", "--mask", "out.mkv", "-m", "small", "--size", "64", "--engine", "eager", "--smooth", "off"]

        listed = user.run("models")
        row = next(line for line in listed.stdout.splitlines() if line.startswith("small"))
        assert "MIT" in row and "178 MB" in row and "here" not in row
        assert_one_line(user.run(*render), 3, "small (178 MB, MIT)", "birefnet-video models pull small")

        hub.cut_at, hub.cuts_left = int(0.4 * len(tiny_swin)), 1000
        assert_one_line(user.run("models", "pull", "small"), 3, "small", "the same command goes on with it")
        begun = user.kept()[0].stat().st_size
        # What was on its way when the connection ended may be lost.
        assert len(user.kept()) == 1 and 0.9 * hub.cut_at < begun <= hub.cut_at
        assert user.run("models", "path", "small").returncode == 3

        hub.cut_at, hub.asked = None, []
        pulled = user.run("models", "pull", "small")
        assert pulled.returncode == 0 and "fetched and verified" in pulled.stderr, pulled.stderr
        assert hub.ranges() == [f"bytes={begun}-"]

        path = Path(user.run("models", "path", "small").stdout.strip())
        assert path.read_bytes() == tiny_swin and path.parent.name == COMMIT
        assert user.run("models", "verify").stdout.splitlines()[-1].startswith("small: ok")
        assert json.loads(user.run("models", "list", "--json").stdout.splitlines()[-1])["here"] is True

        ran = user.run(*render)
        assert ran.returncode == 0 and (tmp_path / "out.mkv").is_file(), ran.stderr

        removed = user.run("models", "rm", "small")
        assert removed.returncode == 0 and "178 MB are free again" in removed.stderr
        assert user.kept() == []
        # Its row says where to get it again, and stays.
        assert user.run("models", "path", "small").returncode == 3


LOGITS = """
import sys, numpy, torch, fill
from birefnet_video.zoo.loading import load_network
net = load_network(sys.argv[1])
picture = fill.to_input(numpy.load(sys.argv[2])["image_u8"])
with torch.inference_mode():
    numpy.save(sys.argv[3], net(picture).numpy())
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "order", "vector", "error"),
    [
        ("swin_v1_t", "current", "eval-swin_v1_t-256x256", 2e-4),
        ("swin_v1_t", "legacy", "eval-legacypatchorder-swin_v1_t-256x256", 2e-4),
        ("swin_v1_l", "current", "eval-swin_v1_l-256x256", 2e-4),
    ],
)
def test_what_was_pulled_gives_the_references_numbers_in_both_orders(
    name: str, order: str, vector: str, error: float, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    content = request.getfixturevalue({"swin_v1_t": "tiny_swin", "swin_v1_l": "large_swin"}[name])
    with running_hub(net=content) as hub:
        user = Shell(tmp_path, hub)
        user.add_row("net", patch_order=order, because="the test says so")
        assert user.run("models", "pull", "net").returncode == 0
        found = tmp_path / "logits.npy"
        subprocess.run(
            [sys.executable, "-c", LOGITS, "net", str(DATA / f"{vector}.npz"), str(found)],
            env=user.environment(PYTHONPATH=str(Path(fill.__file__).parent)),
            check=True,
            timeout=300,
        )
        expected = np.load(DATA / f"{vector}.npz")["logits"]
        assert np.abs(np.load(found) - expected).max() <= error


@pytest.fixture
def small(tmp_path: Path) -> bytes:
    """A file that is large enough to be cut, and no network."""
    return save({"noise": torch.from_numpy(np.random.default_rng(0).integers(0, 255, 1 << 20, dtype=np.uint8))})


def wrong_bytes(user: Shell) -> None:
    content = user.hub.files["test/net/model.safetensors"]
    user.hub.sends["test/net/model.safetensors"] = bytes(len(content))


def another_file(user: Shell) -> None:
    user.hub.files["test/net/model.safetensors"] = b"changed since it was pinned".ljust(
        len(user.hub.files["test/net/model.safetensors"])
    )


def another_size(user: Shell) -> None:
    user.hub.says_hashes = False
    user.hub.files["test/net/model.safetensors"] += b"more"


def gone(user: Shell) -> None:
    user.hub.files.clear()


def refuse(status: int) -> Callable[[Shell], None]:
    def set_up(user: Shell) -> None:
        user.hub.status = status

    return set_up


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        (wrong_bytes, 3, ["another file", "not kept", "--from"]),
        (another_file, 3, ["another file", "not kept"]),
        (another_size, 3, ["bytes, and it should be"]),
        (gone, 3, ["no such file (404)", "/test/net/resolve/"]),
        (refuse(401), 3, ["refuses it (401)", "hf auth login"]),
        (refuse(403), 3, ["refuses it (403)"]),
        (refuse(503), 3, ["status 503", "try again later"]),
    ],
)
def test_a_fault_of_the_hub_is_one_line_and_nothing_is_kept(
    fault: Callable[[Shell], None], code: int, words: list[str], tmp_path: Path, small: bytes
) -> None:
    with running_hub(net=small) as hub:
        user = shell(tmp_path, hub, "net")
        fault(user)
        assert_one_line(user.run("models", "pull", "net"), code, "net", *words)
        assert user.kept() == []


def test_nobody_at_the_other_end_is_one_line(tmp_path: Path, small: bytes) -> None:
    with running_hub(net=small) as hub:
        user = shell(tmp_path, hub, "net")
    assert_one_line(
        user.run("models", "pull", "net"), 3, "net", hub.url.split("//")[1], "HF_ENDPOINT names another hub"
    )
    assert_one_line(user.run("models", "pull", "net", HF_HUB_OFFLINE="1"), 3, "HF_HUB_OFFLINE is set")


def test_a_full_disk_is_one_line_and_what_was_fetched_goes_on(tmp_path: Path, small: bytes) -> None:
    with running_hub(net=small) as hub:
        user = shell(tmp_path, hub, "net")
        # Files may not grow beyond this, as on a full disk.
        ran = user.run(
            "models", "pull", "net", limits=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 19, 1 << 19))
        )
        assert_one_line(ran, 73, "no room left on the disk", "kept")
        assert user.run("models", "pull", "net").returncode == 0
        assert hub.ranges()[-1] == f"bytes={1 << 19}-"
        assert user.run("models", "verify", "net").stdout.startswith("net: ok")


def test_what_does_not_fit_is_refused_before_it_is_fetched(tmp_path: Path, small: bytes) -> None:
    with running_hub(net=small) as hub:
        user = Shell(tmp_path, hub)
        user.add_row("net", bytes=None, sha256=None)
        program = (
            "import shutil, sys; from birefnet_video.cli import main\n"
            "shutil.disk_usage = lambda path: type('Usage', (), {'free': 1000})()\n"
            "main(sys.argv[1:])"
        )
        ran = subprocess.run(
            [sys.executable, "-c", program, "models", "pull", "net"],
            env=user.environment(), capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert_one_line(ran, 73, "1 MB do not fit", "HF_HOME")
        assert hub.ranges() == []


def test_what_was_kept_and_is_wrong_is_fetched_anew(tmp_path: Path, small: bytes) -> None:
    with running_hub(net=small) as hub:
        user = shell(tmp_path, hub, "net")
        blobs = tmp_path / "hf" / "hub" / "models--test--net" / "blobs"
        blobs.mkdir(parents=True)
        (blobs / f"{hashlib.sha256(small).hexdigest()}.incomplete").write_bytes(bytes(1000))
        ran = user.run("models", "pull", "net")
        assert ran.returncode == 0, ran.stderr
        assert hub.ranges() == ["bytes=1000-", ""]
        # A hub that knows nothing of parts sends all of it again.
        user.run("models", "rm", "net")
        user.add_row("again", "net")
        (blobs / f"{hashlib.sha256(small).hexdigest()}.incomplete").write_bytes(small[:1000])
        hub.has_ranges = False
        assert user.run("models", "pull", "again").returncode == 0
        assert user.run("models", "verify", "again").stdout.startswith("again: ok")


def test_a_slow_link_is_watched_and_comes_to_its_end(tmp_path: Path, small: bytes) -> None:
    with running_hub(net=small) as hub:
        user = shell(tmp_path, hub, "net")
        hub.gate = threading.Event()
        with subprocess.Popen(
            [*PROGRAM, "models", "pull", "net", "--json"],
            env=user.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            assert process.stdout is not None
            first = json.loads(process.stdout.readline())
            assert first["event"] == "progress" and first["bytes"] < first["total"] == len(small)
            # Nobody else fetches the same file at the same time.
            until(lambda: any((tmp_path / "hf").rglob("*.incomplete")))
            assert_one_line(user.run("models", "pull", "net"), 3, "another process is fetching it")
            hub.gate.set()
            *_, last = (json.loads(line) for line in process.stdout)
            assert last["event"] == "pulled" and last["here"] is True
        assert process.returncode == 0


def test_an_interrupted_pull_is_kept_and_says_so_by_its_code(tmp_path: Path, small: bytes) -> None:
    with running_hub(net=small) as hub:
        user = shell(tmp_path, hub, "net")
        hub.gate = threading.Event()
        with subprocess.Popen(
            [*PROGRAM, "models", "pull", "net", "--json"], env=user.environment(), stdout=subprocess.PIPE, text=True
        ) as process:
            until(lambda: any(path.stat().st_size for path in (tmp_path / "hf").rglob("*.incomplete")))
            process.terminate()
        assert process.returncode == 143
        hub.gate.set()
        assert [path.suffix for path in user.kept()] == [".incomplete"]
        assert user.run("models", "pull", "net").returncode == 0 and hub.ranges()[-1] != ""


def test_a_token_goes_to_no_hub_but_the_official_one(tmp_path: Path, small: bytes) -> None:
    with running_hub(net=small) as hub:
        user = shell(tmp_path, hub, "net")
        assert user.run("models", "pull", "net", HF_TOKEN="hf_secret").returncode == 0
        assert len(hub.asked) == 2 and all("authorization" not in headers for _, _, headers in hub.asked)


def test_a_proxy_is_gone_through(tmp_path: Path, small: bytes) -> None:
    with running_hub(net=small) as hub:
        user = shell(tmp_path, hub, "net")
        ran = user.run("models", "pull", "net", HF_ENDPOINT="http://hub.invalid", HTTP_PROXY=hub.url)
        assert ran.returncode == 0, ran.stderr
        assert hub.asked[0][1].startswith("http://hub.invalid/test/net/resolve/")


def test_a_licence_that_forbids_sale_is_shown_when_its_file_is_first_given_by_path(tmp_path: Path) -> None:
    content = weights_path("tiny").read_bytes()
    with running_hub(net=content) as hub:
        user = Shell(tmp_path, hub)
        user.add_row("theirs", "net", sale="no", licence="CC BY-NC 4.0", by_path=True)
        (tmp_path / "theirs.safetensors").write_bytes(content)
        make_clip(tmp_path / "in.mp4", frames=1)
        render = ["in.mp4", "--mask", "m.mkv", "-m", "theirs.safetensors", "--engine", "eager", "--smooth", "off", "-y"]
        first, second = user.run(*render), user.run(*render)
        assert first.returncode == second.returncode == 0, first.stderr
        assert "its licence is CC BY-NC 4.0: what it makes is not for sale" in first.stderr
        assert "CC BY-NC" not in second.stderr
        assert_one_line(user.run("in.mp4", "--mask", "n.mkv", "-m", "theirs"), 3, "it is not fetched", "give its path")


def test_without_a_pinned_hash_it_is_compared_with_what_the_hub_says_and_that_is_told(
    tmp_path: Path, small: bytes
) -> None:
    with running_hub(net=small) as hub:
        user = Shell(tmp_path, hub)
        user.add_row("net", sha256=None, revision=None)
        ran = user.run("models", "pull", "net")
        assert ran.returncode == 0 and "its hash is what the server says" in ran.stderr
        user.run("models", "rm", "net")
        user.add_row("bad", "net", sha256=None, revision=None)
        wrong_bytes(user)
        assert_one_line(user.run("models", "pull", "bad"), 3, "another file")


def test_a_mirror_is_taken_where_the_hub_has_no_file_and_its_bytes_are_known(tmp_path: Path, small: bytes) -> None:
    with running_hub(net=small) as hub:
        user = Shell(tmp_path, hub)
        user.add_row("net", repository="test/removed")
        path = tmp_path / "data" / "birefnet-video" / "models" / "net" / "model.toml"
        mirrors = (
            f'[[mirrors]]\nrepository = "test/net"\nrevision = "{COMMIT}"\nfile = "model.safetensors"\n'
            f'[[mirrors]]\nurl = "{hub.cdn}/files/test/net/model.safetensors"\n'
        )
        path.write_text(path.read_text() + mirrors)
        ran = user.run("models", "pull", "net")
        assert ran.returncode == 0 and "(404); trying test" in ran.stderr, ran.stderr
        assert user.run("models", "rm", "net").returncode == 0
        path.write_text("".join(json_row(small)) + mirrors)
        # Nobody has said what the address's hash should be: by name only.
        named = user.run("models", "pull", "net", "--from", hub.cdn.split("//")[1])
        assert named.returncode == 0 and "nobody has said what its hash should be" in named.stderr, named.stderr
        assert_one_line(user.run("models", "pull", "net", "--from", "tset"), 2, "--from", "did you mean test?")


def json_row(content: bytes) -> list[str]:
    digest = hashlib.sha256(content).hexdigest()
    fields = {"repository": "test/removed", "file": "model.safetensors", "bytes": len(content), "sha256": digest}
    return [f"{key} = {json.dumps(value)}\n" for key, value in {**fields, "licence": "MIT", "use": "x"}.items()]


def test_a_damaged_file_is_found_named_and_mended(tmp_path: Path, small: bytes) -> None:
    with running_hub(net=small) as hub:
        user = shell(tmp_path, hub, "net")
        user.run("models", "pull", "net")
        path = Path(user.run("models", "path", "net").stdout.strip())
        path.write_bytes(bytes(len(small)))
        assert_one_line(
            user.run("models", "verify"), 3, "net: not as published", "models rm net && birefnet-video models pull"
        )
        # Cut short by another program, it does not count as here, and is fetched again.
        path.write_bytes(small[:100])
        assert user.run("models", "path", "net").returncode == 3
        assert user.run("models", "pull", "net").returncode == 0
        assert user.run("models", "verify", "net").stdout.startswith("net: ok")


def test_weights_of_ones_own_get_a_name(tmp_path: Path) -> None:
    with running_hub() as hub:
        user = Shell(tmp_path, hub)
        weights = official_weights("swin_v1_t")
        save_file(weights, tmp_path / "mine.safetensors")
        (tmp_path / "card.md").write_text("My cats.")
        ran = user.run(
            "models",
            "add",
            "mine.safetensors",
            "--name",
            "cats",
            "--card",
            "card.md",
            "--trained",
            "64",
            "--use",
            "cats",
        )
        assert ran.returncode == 0 and "swin_v1_t" in ran.stderr, ran.stderr
        make_clip(tmp_path / "in.mp4", frames=1)
        (tmp_path / "mine.safetensors").unlink()
        ran = user.run("in.mp4", "--mask", "m.mkv", "-m", "cats", "--engine", "eager", "--smooth", "off", "--json")
        assert ran.returncode == 0 and "64x64" in ran.stdout, ran.stderr
        assert_one_line(user.run("models", "add", "card.md", "--name", "x y"), 2, "--name")
        assert_one_line(user.run("models", "add", "card.md", "--name", "cats"), 2, "cats is taken")
        assert_one_line(user.run("models", "add", "card.md", "--name", "words"), 3, "card.md")
        assert_one_line(user.run("models", "add", "none.pth", "--name", "none"), 3, "none.pth: no such file")
        assert not list((tmp_path / "data" / "birefnet-video" / "models").glob("*words*"))
        assert user.run("models", "rm", "cats").returncode == 0
        assert_one_line(user.run("models", "path", "cats"), 3, "no model is called 'cats'")


@pytest.mark.parametrize(
    "fields",
    [
        {"colour": "blue"},
        {"file": "../../../../secret.safetensors"},
        {"file": "/etc/secret.safetensors"},
        {"file": "model.toml"},
        {"file": ["model.safetensors"]},
        {"revision": "../../.."},
        {"repository": "../../x"},
        {"sha256": "short"},
        {"bytes": -1},
        {"trained": "banana"},
        {"use": "two\nlines"},
        {"is_first": True},
        {"mirrors": [{"url": "https://example.org/model.toml"}]},
        {"mirrors": [{"url": "https://example.org/a/.."}]},
        {"mirrors": [{"url": "nohost"}]},
    ],
    ids=str,
)
def test_a_row_that_is_none_is_named_and_takes_nothing_from_the_others(
    fields: dict[str, object], tmp_path: Path, small: bytes
) -> None:
    with running_hub(net=small) as hub:
        user = Shell(tmp_path, hub)
        mirrors = fields.pop("mirrors", [])
        user.add_row("net", **fields)
        path = tmp_path / "data" / "birefnet-video" / "models" / "net" / "model.toml"
        more = "".join(f"[[mirrors]]\nurl = {json.dumps(each['url'])}\n" for each in mirrors)  # type: ignore[attr-defined]
        path.write_text(path.read_text() + more)
        listed = user.run("models")
        assert listed.returncode == 0 and "lite-matting" in listed.stdout
        assert "model.toml" in listed.stderr and len(listed.stderr.splitlines()) == 1, listed.stderr
        assert_one_line(user.run("models", "pull", "net"), 3, "model.toml", "models rm net")
        assert hub.asked == []
        assert user.run("models", "rm", "net").returncode == 0 and not path.parent.exists()


def test_nothing_but_its_own_files_is_removed(tmp_path: Path, small: bytes) -> None:
    with running_hub(net=small) as hub:
        user = shell(tmp_path, hub, "net")
        user.add_row("twin", "net")
        user.run("models", "pull", "net")
        blobs = tmp_path / "hf" / "hub" / "models--test--net" / "blobs"
        others = [blobs / f"{'a' * 64}.incomplete", blobs / f"{'a' * 64}.12345678.incomplete"]
        for other in others:
            other.write_bytes(b"another program's")
        another = blobs.parent / "snapshots" / ("f" * 40) / "copy.safetensors"
        another.parent.mkdir()
        another.symlink_to(f"../../blobs/{hashlib.sha256(small).hexdigest()}")
        assert user.run("models", "rm", "twin").returncode == 0
        assert another.read_bytes() == small and all(other.exists() for other in others)
        # Weights of one's own may be a link to where they really lie.
        mine = tmp_path / "data" / "birefnet-video" / "models" / "mine"
        mine.mkdir()
        (tmp_path / "real.safetensors").write_bytes(small)
        (mine / "model.safetensors").symlink_to(tmp_path / "real.safetensors")
        (mine / "model.toml").write_text('file = "model.safetensors"\n')
        assert user.run("models", "rm", "mine", "mine").returncode == 0
        assert (tmp_path / "real.safetensors").read_bytes() == small and not mine.exists()


def test_a_hub_that_names_a_commit_outside_of_the_cache_is_refused(tmp_path: Path, small: bytes) -> None:
    with running_hub(net=small) as hub:
        user = Shell(tmp_path, hub)
        user.add_row("net", revision=None)
        hub.commit = "../../../../../outside"
        assert_one_line(user.run("models", "pull", "net"), 3, "names no commit")
        assert not list(tmp_path.rglob("outside"))


def login_page(hub: Hub) -> None:
    hub.sends["test/net/model.safetensors"] = b"<html>log in".ljust(len(hub.files["test/net/model.safetensors"]))


def too_much(hub: Hub) -> None:
    hub.sends["test/net/model.safetensors"] = hub.files["test/net/model.safetensors"] * 3
    hub.promises = False


@pytest.mark.parametrize(("fault", "words"), [(login_page, "no file of weights"), (too_much, "sends more than")])
def test_without_a_hash_what_is_no_file_of_weights_is_not_kept(
    fault: Callable[[Hub], None], words: str, tmp_path: Path, small: bytes
) -> None:
    with running_hub(net=small) as hub:
        user = Shell(tmp_path, hub)
        user.add_row("net", sha256=None)
        hub.says_hashes = False
        fault(hub)
        assert_one_line(user.run("models", "pull", "net"), 3, words)
        assert user.run("models", "path", "net").returncode == 3


@pytest.mark.parametrize("answer", ["416", "wrong range"])
def test_a_part_that_does_not_fit_is_fetched_from_its_beginning(answer: str, tmp_path: Path, small: bytes) -> None:
    with running_hub(net=small) as hub:
        user = shell(tmp_path, hub, "net")
        blobs = tmp_path / "hf" / "hub" / "models--test--net" / "blobs"
        blobs.mkdir(parents=True)
        (blobs / f"{hashlib.sha256(small).hexdigest()}.incomplete").write_bytes(small[:1000])
        hub.answers_parts_with = answer
        assert user.run("models", "pull", "net").returncode == 0
        assert hub.ranges() == ["bytes=1000-", ""]
        assert user.run("models", "verify", "net").stdout.startswith("net: ok")


@pytest.mark.parametrize("status", [403, 503])
def test_what_was_fetched_outlives_a_refusal(status: int, tmp_path: Path, small: bytes) -> None:
    with running_hub(net=small) as hub:
        user = shell(tmp_path, hub, "net")
        blobs = tmp_path / "hf" / "hub" / "models--test--net" / "blobs"
        blobs.mkdir(parents=True)
        partial = blobs / f"{hashlib.sha256(small).hexdigest()}.incomplete"
        partial.write_bytes(small[:1000])
        hub.files_status = status
        assert_one_line(user.run("models", "pull", "net"), 3, str(status))
        assert partial.read_bytes() == small[:1000]
        # Cut off before there was a whole file: what is left of it goes, its row stays.
        assert user.run("models", "rm", "net").returncode == 0 and not partial.exists()
        hub.files_status = None
        assert user.run("models", "pull", "net").returncode == 0


@pytest.mark.parametrize("place", ["/dev/null", "file"])
def test_a_cache_that_cannot_be_written_is_one_line(place: str, tmp_path: Path, small: bytes) -> None:
    with running_hub(net=small) as hub:
        user = shell(tmp_path, hub, "net")
        (tmp_path / "file").write_bytes(b"")
        home = str(tmp_path / "file") if place == "file" else place
        assert_one_line(user.run("models", "pull", "net", HF_HOME=home), 73, "net", "HF_HOME names another place")
        assert user.run("models", "verify", HF_HOME=home).returncode == 0


@pytest.mark.parametrize("address", ["http://[::1", "http://127.0.0.1:99999", "socks5://x:1"])
def test_an_address_that_is_none_is_one_line(address: str, tmp_path: Path, small: bytes) -> None:
    with running_hub(net=small) as hub:
        user = shell(tmp_path, hub, "net")
        where = {"HTTP_PROXY": address} if "socks" in address else {"HF_ENDPOINT": address}
        assert_one_line(user.run("models", "pull", "net", **where), 3, "net")


def test_a_name_for_weights_survives_whatever_they_were_called(tmp_path: Path) -> None:
    with running_hub() as hub:
        user = Shell(tmp_path, hub)
        (tmp_path / "cat \U0001f600 [x].safetensors").write_bytes(weights_path("tiny").read_bytes())
        add = ["models", "add", "cat \U0001f600 [x].safetensors", "--name", "cat", "--use", "[/x] \U0001f600"]
        assert user.run(*add).returncode == 0
        listed = user.run("models")
        assert listed.returncode == 0 and "[/x] \U0001f600" in listed.stdout
        assert_one_line(user.run("models", "add", "x.pth", "--name", "c", "--trained", "banana"), 2, "--trained")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["path", "gneral"], 3, ["did you mean general?"]),
        (["pull"], 2, ["which model?"]),
        (["pull", "rmbg-2.0"], 3, ["CC BY-NC 4.0", "give its path"]),
        (["rm", "tiny"], 2, ["tiny is part of the package"]),
    ],
)
def test_what_cannot_be_is_said_in_one_line(arguments: list[str], code: int, words: list[str], tmp_path: Path) -> None:
    with running_hub() as hub:
        assert_one_line(Shell(tmp_path, hub).run("models", *arguments), code, *words)
