"""Still pictures, as users cut them out."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from birefnet_video.model.evidence import evidence
from PIL import Image

from birefnet_video.cli import main

FAST = ["--size", "64", "--engine", "eager", "-b", "1", "--device", "cpu"]
PROGRAM = [sys.executable, "-m", "birefnet_video"]
Call = Callable[..., "Ran"]


class Ran:
    """What a call came to."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.lines = code, out, err.splitlines()

    @property
    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Runs the program in this process: each of its own would load everything anew."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> Ran:
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        try:
            with pytest.raises(SystemExit) as ended:
                main([*arguments])
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        captured = capsys.readouterr()
        return Ran(int(ended.value.code or 0), captured.out, captured.err)

    return call


def photo(path: Path, *, seed: int = 0, size: tuple[int, int] = (64, 48)) -> Path:
    """A bright disc on a dark ground with some noise; width and height in ``size``."""
    width, height = size
    y, x = np.mgrid[:height, :width]
    disc = (x - width / 2) ** 2 + (y - height / 2) ** 2 < (min(size) / 3) ** 2
    noise = np.random.default_rng(seed).integers(0, 40, (height, width, 3))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((disc[..., None] * 200 + noise).astype(np.uint8)).save(path)
    return path


def opened(path: Path) -> Image.Image:
    image = Image.open(path)
    image.load()
    return image


def test_one_picture_is_cut_out_beside_itself(call: Call, tmp_path: Path) -> None:
    photo(tmp_path / "photo.jpg")
    ran = call("image", "photo.jpg", *FAST)
    assert ran.code == 0 and ran.out == "" and ran.lines == ["wrote photo.alpha.png"]
    made = opened(tmp_path / "photo.alpha.png")
    assert made.mode == "RGBA" and made.size == (64, 48)


def test_all_outputs_of_one_picture_are_made_at_once(call: Call, tmp_path: Path) -> None:
    photo(tmp_path / "photo.png")
    ran = call(
        *("image", "photo.png", "--alpha", "a.png", "--mask", "m.png", "--composite", "c.jpg", "--background", "white"),
        *("--foreground", "f.png", "--green", "g.webp", *FAST),
    )
    assert ran.code == 0 and ran.lines == ["wrote a.png, m.png, g.webp, c.jpg, f.png"]
    modes = {name: opened(tmp_path / name).mode for name in ("a.png", "m.png", "c.jpg", "f.png", "g.webp")}
    assert modes == {"a.png": "RGBA", "m.png": "L", "c.jpg": "RGB", "f.png": "RGB", "g.webp": "RGB"}
    alpha = np.asarray(opened(tmp_path / "a.png"))[..., 3]
    assert np.array_equal(alpha, np.asarray(opened(tmp_path / "m.png")))
    clear = alpha == 0
    if clear.any():
        assert np.asarray(opened(tmp_path / "c.jpg"))[clear].mean() > 240


def test_the_main_command_takes_a_picture_as_readily(call: Call, tmp_path: Path) -> None:
    photo(tmp_path / "photo.jpg")
    assert call("image", "photo.jpg", "--alpha", "a.png", *FAST).code == 0
    assert call("photo.jpg", "--alpha", "b.png", *FAST).code == 0
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    ran = call("photo.jpg", "-q", *FAST)
    assert ran.code == 0 and ran.lines == [] and (tmp_path / "photo.alpha.png").exists()
    ran = call("photo.jpg", "--json", *FAST)
    assert ran.code == 73 and ran.objects[-1]["event"] == "failed"


def test_the_main_command_takes_what_means_something_for_a_picture(call: Call, tmp_path: Path) -> None:
    photo(tmp_path / "photo.jpg")
    ran = call("photo.jpg", "--alpha", "{stem}_cut.png", "--mask", "{stem}.m.png", *FAST)
    assert ran.lines == ["wrote photo_cut.png, photo.m.png"]
    assert call("photo.jpg", "--out-dir", "cut", *FAST).code == 0 and (tmp_path / "cut" / "photo.png").exists()
    ran = call("photo.jpg", "--out-dir", "cut", "--skip-existing", *FAST)
    assert ran.code == 0 and ran.lines == ["photo.jpg: is there already: cut/photo.png"]


@pytest.mark.parametrize(
    "option",
    [("--look", "0"), ("--estimate",), ("--dry-run",), ("--queue",), ("--video-track", "1")],
)
def test_the_main_command_refuses_what_means_nothing_for_a_picture(
    option: tuple[str, ...], call: Call, tmp_path: Path
) -> None:
    photo(tmp_path / "photo.jpg")
    ran = call("photo.jpg", *option, *FAST)
    assert ran.code == 2 and len(ran.lines) == 1 and f"{option[0]}: means nothing for a picture" in ran.lines[0]
    assert [path.name for path in tmp_path.iterdir()] == ["photo.jpg"]


@pytest.mark.parametrize("suffix", [".avif", ".webp", ".tif"])
def test_whatever_is_a_picture_lies_behind_another(suffix: str, call: Call, tmp_path: Path) -> None:
    photo(tmp_path / "photo.png")
    try:
        Image.new("RGB", (32, 32), (0, 0, 255)).save(tmp_path / f"blue{suffix}")
    except (KeyError, OSError):
        pytest.skip(f"Pillow is built without {suffix}")
    ran = call("image", "photo.png", "--composite", "c.png", "--mask", "m.png", "--background", f"blue{suffix}", *FAST)
    assert ran.code == 0, ran.lines
    made, clear = (np.asarray(opened(tmp_path / name)) for name in ("c.png", "m.png"))
    assert not (clear == 0).any() or np.abs(made[clear == 0].mean(axis=0) - (0, 0, 255)).max() < 12


def test_what_is_there_is_never_replaced_unasked(call: Call, tmp_path: Path) -> None:
    photo(tmp_path / "photo.jpg")
    (tmp_path / "photo.alpha.png").write_text("mine")
    ran = call("image", "photo.jpg", *FAST)
    assert ran.code == 73 and len(ran.lines) == 1 and "photo.alpha.png: exists (-y replaces it" in ran.lines[0]
    ran = call("image", "photo.jpg", "--skip-existing", *FAST)
    assert ran.code == 0 and ran.lines == ["photo.jpg: is there already: photo.alpha.png"]
    assert (tmp_path / "photo.alpha.png").read_text() == "mine"
    assert call("image", "photo.jpg", "-y", *FAST).code == 0
    assert opened(tmp_path / "photo.alpha.png").mode == "RGBA"
    ran = call("image", "photo.jpg", "--composite", "photo.jpg", "-y", *FAST)
    assert ran.code == 73 and "is the input itself" in ran.lines[-1]


def test_a_folder_is_mirrored_with_all_that_lies_in_it(call: Call, tmp_path: Path) -> None:
    for number, name in enumerate(("a.jpg", "b/c.png", "b/d/e.webp", "b/d/f.tif", "g.bmp")):
        photo(tmp_path / "in" / name, seed=number, size=(64, 48 + 16 * (number % 2)))
    (tmp_path / "in" / "notes.txt").write_text("no picture")
    photo(tmp_path / "in" / ".hidden" / "x.jpg")
    ran = call("image", "in", "--out-dir", "cut", "--format", "webp", *FAST)
    assert ran.code == 0 and ran.lines[-1].startswith("5 pictures: 5 done")
    made = sorted(str(path.relative_to(tmp_path / "cut")) for path in (tmp_path / "cut").rglob("*.*"))
    assert made == ["a.webp", "b/c.webp", "b/d/e.webp", "b/d/f.webp", "g.webp"]
    again = call("image", "in", "--out-dir", "cut", "--format", "webp", "--skip-existing", *FAST)
    assert again.code == 0 and again.lines[-1].startswith("5 pictures: 0 done, 5 skipped")


def test_results_are_no_inputs_of_the_next_call(call: Call, tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        photo(tmp_path / name)
    assert call("image", ".", "--kind", "mask", *FAST).code == 0
    ran = call("image", ".", "--kind", "mask", "-y", *FAST)
    assert ran.code == 0 and ran.lines[-1].startswith("2 pictures: 2 done")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jpg", "a.mask.png", "b.jpg", "b.mask.png"]
    ran = call("image", ".", "--out-dir", "cut", *FAST)
    ran = call("image", ".", "--out-dir", "cut", "-y", *FAST)
    assert ran.code == 0 and ran.lines[-1].startswith("2 pictures: 2 done")


def test_quoted_wildcards_and_several_names_are_taken(call: Call, tmp_path: Path) -> None:
    for name in ("p/a.jpg", "p/q/b.jpg", "p/c.png"):
        photo(tmp_path / name)
    ran = call("image", "p/**/*.jpg", "p/c.png", "p/a.jpg", "--out-dir", "cut", *FAST)
    assert ran.code == 0 and ran.lines[-1].startswith("3 pictures: 3 done")
    made = {str(path.relative_to(tmp_path / "cut")) for path in (tmp_path / "cut").rglob("*.png")}
    assert made == {"a.png", "q/b.png", "c.png"}


def test_pictures_that_would_have_one_output_keep_their_extensions(call: Call, tmp_path: Path) -> None:
    photo(tmp_path / "a.jpg")
    photo(tmp_path / "a.png")
    assert call("image", "a.jpg", "a.png", *FAST).code == 0
    assert {path.name for path in tmp_path.iterdir()} == {"a.jpg", "a.png", "a.jpg.alpha.png", "a.png.alpha.png"}


def test_folders_of_several_names_do_not_mix(call: Call, tmp_path: Path) -> None:
    photo(tmp_path / "x" / "a.jpg")
    photo(tmp_path / "y" / "a.jpg")
    assert call("image", "x", "y", "--out-dir", "cut", *FAST).code == 0
    assert (tmp_path / "cut" / "x" / "a.png").exists() and (tmp_path / "cut" / "y" / "a.png").exists()


def broken(folder: Path) -> list[str]:
    """Files that are no whole pictures, and their names."""
    folder.mkdir(exist_ok=True)
    whole = photo(folder / "whole.jpg").read_bytes()
    (folder / "whole.jpg").unlink()
    files = {"half.jpg": whole[: len(whole) // 2], "empty.png": b"", "text.jpg": b"This is no picture.\n" * 20}
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return sorted(files)


def test_a_bad_file_is_named_and_the_rest_goes_on(call: Call, tmp_path: Path) -> None:
    names = broken(tmp_path / "in")
    for number in range(3):
        photo(tmp_path / "in" / f"{number}.jpg", seed=number)
    ran = call("image", "in", "gone.jpg", "--out-dir", "cut", *FAST)
    assert ran.code == 5
    ends = [line for line in ran.lines if line.startswith("failed: ")]
    assert sorted(line.split(":")[1].strip() for line in ends) == sorted(
        [*(f"in/{name}" for name in names), "gone.jpg"]
    )
    assert "gone.jpg: no such file" in ends[-1]
    assert any(line.startswith("7 pictures: 3 done, 4 failed") for line in ran.lines)
    assert sorted(path.name for path in (tmp_path / "cut").iterdir()) == ["0.png", "1.png", "2.png"]


def test_json_has_an_object_a_picture_and_one_at_the_end(call: Call, tmp_path: Path) -> None:
    photo(tmp_path / "a.jpg")
    photo(tmp_path / "b.jpg")
    (tmp_path / "b.alpha.png").write_text("there")
    (tmp_path / "c.jpg").write_text("no picture")
    ran = call("image", "a.jpg", "b.jpg", "c.jpg", "--skip-existing", "--json", *FAST)
    pictures = {each["input"]: each for each in ran.objects if each["event"] == "picture"}
    assert {name: each["state"] for name, each in pictures.items()} == {
        "a.jpg": "done",
        "b.jpg": "skipped",
        "c.jpg": "failed",
    }
    assert pictures["a.jpg"]["outputs"] == ["a.alpha.png"] and pictures["a.jpg"]["width"] == 64
    end = ran.objects[-1]
    assert (end["event"], end["exit_code"], end["done"], end["skipped"], end["failed"]) == ("partial", 5, 1, 1, 1)
    assert end["failures"][0]["input"] == "c.jpg" and end["failures"][0]["error"]["type"] == "NotAPicture"
    assert ran.code == 5 and ran.lines == []


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["gone.jpg"], 66, "gone.jpg: no such file"),
        (["*.gif"], 66, "*.gif: matches no pictures"),
        (["empty"], 66, "empty: no pictures lie in this folder"),
        (["text.jpg"], 65, "text.jpg: is no picture"),
        (["a.jpg", "--max-pixels", "100"], 65, "a.jpg: is too large: 64x48"),
        (["a.jpg", "--alpha", "a.mov"], 73, "is no name of a picture"),
        (["a.jpg", "--alpha", "b.jpg"], 73, ".jpg has no alpha"),
        (["a.jpg", "--format", "jpg"], 73, ".jpg has no alpha"),
        (["a.jpg", "--alpha", "no/such/b.png"], 73, "there is no folder no/such"),
        (["a.jpg", "b.jpg", "--alpha", "c.png"], 2, "names one output for 2 pictures"),
        (["a.jpg", "--alpha", "c.png", "--mask", "c.png"], 2, "for more than one output"),
        (["a.jpg", "--alpha", "c.png", "--out-dir", "d"], 2, "--out-dir"),
        (["a.jpg", "--alpha", "c.png", "--format", "webp"], 2, "--format"),
        (["a.jpg", "--alpha", "c.png", "--kind", "mask"], 2, "--kind"),
        (["a.jpg", "--background", "white"], 2, "--background needs --composite FILE or --kind composite"),
        (["a.jpg", "--kind", "composite", "--background", "b.mp4"], 2, "a video does not lie behind pictures"),
        (["a.jpg", "--kind", "composite", "--background", "gone.png"], 66, "gone.png: no such file"),
        (["a.jpg", "--kind", "composite", "--background", "gone.avif"], 66, "gone.avif: no such file"),
        (["a.jpg", "--trim", "wide"], 2, "--trim"),
        (["a.jpg", "--max-pixels", "0"], 2, "--max-pixels must be above 0"),
        (["a.jpg", "--json", "--alpha", "-"], 2, "both want standard output"),
        ([], 2, "INPUT is missing"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_done_is_said_in_one_line(
    arguments: list[str], code: int, words: str, call: Call, tmp_path: Path
) -> None:
    photo(tmp_path / "a.jpg")
    photo(tmp_path / "b.jpg")
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "empty").mkdir()
    ran = call("image", *arguments, *FAST)
    assert ran.code == code, ran.lines
    complaints = [line for line in ran.lines if "error: " in line]
    assert len(complaints) == 1 and words in complaints[0] and ran.lines == complaints
    assert {path.name for path in tmp_path.iterdir()} == {"a.jpg", "b.jpg", "text.jpg", "empty"}


def test_trimming_leaves_the_subject_and_a_margin(call: Call, tmp_path: Path) -> None:
    Image.fromarray(next(evidence()).rgb).save(tmp_path / "a.png")
    hard = ["--threshold", "0.1", *FAST]
    assert call("image", "a.png", "--alpha", "whole.png", *hard).code == 0
    assert (
        call(
            "image", "a.png", "--alpha", "tight.png", "--mask", "m.png", "--trim", "3", "--threshold", "0.1", *FAST
        ).code
        == 0
    )
    whole, tight = np.asarray(opened(tmp_path / "whole.png")), np.asarray(opened(tmp_path / "tight.png"))
    rows, columns = np.nonzero(whole[..., 3])
    box = tuple(
        slice(max(0, found.min() - 3), min(side, found.max() + 4))
        for found, side in zip((rows, columns), whole.shape, strict=False)
    )
    assert np.array_equal(tight, whole[box])
    assert np.array_equal(np.asarray(opened(tmp_path / "m.png")), tight[..., 3])


def test_pages_of_a_tiff_become_pages_and_are_refused_elsewhere(call: Call, tmp_path: Path) -> None:
    pages = [opened(photo(tmp_path / f"{n}.png", seed=n)) for n in range(3)]
    pages[0].save(tmp_path / "p.tif", save_all=True, append_images=pages[1:])
    assert call("image", "p.tif", "--format", "tiff", *FAST).code == 0
    with Image.open(tmp_path / "p.alpha.tif") as made:
        assert made.n_frames == 3
    ran = call("image", "p.tif", "--alpha", "p.png", *FAST)
    assert ran.code == 73 and "p.png: the picture has 3 pages" in ran.lines[-1]
    assert not (tmp_path / "p.png").exists()


def test_alpha_of_the_picture_counts_unless_it_is_to_be_ignored(call: Call, tmp_path: Path) -> None:
    image = opened(photo(tmp_path / "a.png"))
    image.putalpha(Image.fromarray(np.tile(np.arange(64, dtype=np.uint8) * 4, (48, 1))))
    image.save(tmp_path / "a.png")
    assert call("image", "a.png", "--mask", "with.png", *FAST).code == 0
    assert call("image", "a.png", "--mask", "without.png", "--input-alpha", "ignore", *FAST).code == 0
    made, plain = (np.asarray(opened(tmp_path / name)).astype(float) for name in ("with.png", "without.png"))
    assert np.abs(made - plain * np.arange(64) * 4 / 255).max() <= 1


def test_pipes_work_both_ways(tmp_path: Path) -> None:
    data = photo(tmp_path / "a.png").read_bytes()
    ran = subprocess.run(
        [*PROGRAM, "image", "-", "--alpha", "-", *FAST], input=data, capture_output=True, timeout=120, cwd=tmp_path
    )
    assert ran.returncode == 0, ran.stderr
    (tmp_path / "out.png").write_bytes(ran.stdout)
    assert opened(tmp_path / "out.png").mode == "RGBA"
    ran = subprocess.run(
        [*PROGRAM, "image", "a.png", "--composite", "-", "--format", "jpg", *FAST],
        capture_output=True,
        timeout=120,
        cwd=tmp_path,
    )
    assert ran.stdout[:2] == b"\xff\xd8" and ran.returncode == 0
    ran = subprocess.run([*PROGRAM, "image", "-"], input=data, capture_output=True, timeout=120, cwd=tmp_path)
    assert ran.returncode == 2 and b"standard input gives no name" in ran.stderr
    ran = subprocess.run(
        [*PROGRAM, "image", "-", "--alpha", "b.png"], input=b"", capture_output=True, timeout=120, cwd=tmp_path
    )
    assert ran.returncode == 65 and b"the file is empty" in ran.stderr and len(ran.stderr.splitlines()) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_who_stops_it_finds_whole_files_only(number: signal.Signals, tmp_path: Path) -> None:
    for index in range(40):
        photo(tmp_path / "in" / f"{index:02}.png", seed=index, size=(640, 480))
    program = subprocess.Popen(
        [*PROGRAM, "image", "in", "--out-dir", "cut", "--json", *FAST],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert program.stdout is not None
    with program.stdout as lines:
        first = next(line for line in lines if '"picture"' in line)
        program.send_signal(number)
        rest = [json.loads(line) for line in lines if line.endswith("\n")]
    code = program.wait(60)
    assert json.loads(first)["state"] == "done"
    made = [path for path in (tmp_path / "cut").iterdir() if ".partial" not in path.name]
    assert made and all(opened(path).size == (640, 480) for path in made)
    if number is signal.SIGKILL:
        assert code == -number
        return
    assert code == 128 + number and len(made) < 40
    assert rest[-1]["event"] == "cancelled" and rest[-1]["done"] == len(made)
    assert not [path for path in (tmp_path / "cut").iterdir() if path not in made]


def test_quiet_says_nothing_but_what_went_wrong(call: Call, tmp_path: Path) -> None:
    photo(tmp_path / "a.jpg")
    photo(tmp_path / "b.jpg")
    ran = call("image", "a.jpg", "b.jpg", "-q", *FAST)
    assert ran.code == 0 and ran.lines == []


def test_configured_values_are_taken(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    (tmp_path / "home" / "birefnet-video").mkdir(parents=True)
    (tmp_path / "home" / "birefnet-video" / "config.toml").write_text(
        "background = 'white'\nsmooth = 'high'\n[image]\nkind = 'mask'\nformat = 'tiff'\n"
    )
    photo(tmp_path / "a.jpg")
    assert call("image", "a.jpg", *FAST).code == 0 and (tmp_path / "a.mask.tif").exists()
    assert call("image", "a.jpg", "--alpha", "c.png", *FAST).code == 0
    assert call("a.jpg", "--mask", "d.png", *FAST).code == 0


@pytest.mark.slow
def test_of_200_pictures_of_all_kinds_5_are_broken_and_195_are_made(call: Call, tmp_path: Path) -> None:
    suffixes = (".jpg", ".png", ".webp", ".tif", ".bmp")
    for index in range(195):
        size = ((64, 48), (48, 64), (64, 64), (96, 32))[index % 4]
        photo(tmp_path / "in" / f"{index % 7}" / f"{index:03}{suffixes[index % 5]}", seed=index, size=size)
    broken(tmp_path / "in")
    (tmp_path / "in" / "short.png").write_bytes((tmp_path / "in" / "1" / "001.png").read_bytes()[:60])
    (tmp_path / "in" / "short.tif").write_bytes((tmp_path / "in" / "3" / "003.tif").read_bytes()[:600])
    ran = call("image", "in", "--out-dir", "cut", "--json", *FAST)
    end = ran.objects[-1]
    assert ran.code == 5 and (end["pictures"], end["done"], end["failed"]) == (200, 195, 5)
    assert len(list((tmp_path / "cut").rglob("*.png"))) == 195
    assert not list((tmp_path / "cut").rglob("*.partial*"))
