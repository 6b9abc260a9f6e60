"""One direction of imports, and a light start."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = "birefnet_video"

#: Where a room or a part of one stands; it may import from its own row and from rows below. A module is in the longest
#: name that fits; the root package is "".
LAYERS = [
    ["cli", "__main__"],
    ["execute"],
    ["tui", "commands"],
    ["many"],
    ["renders", "shell", "doctor"],
    [""],
    ["report", "event_words", "json_lines", "api", "matting_object", "estimate"],
    ["bench"],
    ["jobs", "live"],
    ["bottleneck", "job_report"],
    ["configuration"],
    ["workers"],
    ["pipeline"],
    ["backends"],
    ["backends.engines"],
    ["backends.captured", "backends.cuda_recorder", "backends.engine_table", "backends.kernel_memory"],
    ["backends.base", "backends.engine", "backends.calibration", "backends.quantise", "backends.lazy_network"],
    ["backends.cache"],
    ["backends.progress", "backends.openvino_library", "backends.memory", "backends.apart", "backends.equality"],
    ["matting"],
    ["stacks"],
    ["devices"],
    ["outputs"],
    ["sound"],
    ["inputs", "zoo"],
    ["model.training", "model.evaluation"],
    ["model"],
    ["pictures"],
    ["colour"],
    ["findings"],
    ["options", "events"],
    ["types"],
    ["limits"],
    ["errors", "defaults", "signals", "folders", "lasting", "words", "streams", "_version", "commit", "_commit"],
]
#: Heavy libraries, and the only rooms that may import them.
HEAVY = {
    "torch": {"model", "backends", "matting", "pipeline", "workers", "api", "bench", "commands", "doctor", "live"},
    "timm": {"model"},
    "av": {
        "inputs",
        "outputs",
        "sound",
        "devices",
        "colour",
        "pictures",
        "matting",
        "pipeline",
        "types",
        "commands",
        "doctor",
    },
    "cv2": {"matting", "model", "pictures"},
    "textual": {"tui"},
}


def modules() -> list[tuple[str, Path]]:
    """Dotted name and path of every module."""
    found = []
    for top, name in (("birefnet_video", PACKAGE), ("model", f"{PACKAGE}.model"), ("tui", f"{PACKAGE}.tui")):
        for path in sorted((ROOT / top).rglob("*.py")):
            parts = path.relative_to(ROOT / top).with_suffix("").parts
            found.append((".".join((name, *parts)).removesuffix(".__init__"), path))
    return found


def imports(path: Path) -> set[str]:
    """Modules that a file imports, anywhere in it but under TYPE_CHECKING."""
    tree = ast.parse(path.read_text())
    hidden = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for child in ast.walk(node)
    }
    found = set()
    for node in ast.walk(tree):
        if id(node) in hidden:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module or "")
    return found


def room(module: str) -> str:
    """The longest part of a dotted name that LAYERS knows, without the package's own."""
    parts = module.split(".")[1:]
    known = {name for row in LAYERS for name in row}
    return next(name for count in range(len(parts), -1, -1) if (name := ".".join(parts[:count])) in known)


def rank(name: str) -> int:
    return next(i for i, row in enumerate(LAYERS) if name in row)


@pytest.mark.parametrize(("module", "path"), modules(), ids=lambda value: value if isinstance(value, str) else "")
def test_imports_point_down(module: str, path: Path) -> None:
    own = room(module)
    for target in imports(path):
        if target == PACKAGE or target.startswith(f"{PACKAGE}."):
            assert rank(own) <= rank(room(target)), f"{module} imports {target}"
        library = target.split(".")[0]
        if library in HEAVY:
            assert own.split(".")[0] in HEAVY[library], f"{module} imports {library}"


def test_no_modules_import_each_other() -> None:
    """No circle of any length, wherever in a file an import stands."""
    known = dict(modules())
    graph = {name: (imports(path) & known.keys()) - {name} for name, path in known.items()}
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " -> ".join((*way[way.index(name) :], name))
        if name not in done:
            for target in graph[name]:
                visit(target, (*way, name))
            done.add(name)

    for name in graph:
        visit(name, ())


@pytest.mark.parametrize(
    ("arguments", "unwanted"),
    [
        (["--help"], ["torch", "av", "cv2", "timm", "textual", "numpy"]),
        (["--version"], ["torch", "av", "cv2", "timm", "textual", "numpy"]),
        (["missing.mp4"], ["torch", "timm", "textual", "numpy"]),
        ([__file__, "--alpha", "x.mov"], ["torch", "timm", "textual"]),
    ],
    ids=["help", "version", "missing input", "no video"],
)
def test_start_imports_nothing_heavy(arguments: list[str], unwanted: list[str]) -> None:
    program = (
        "import sys\nfrom birefnet_video.cli import main\n"
        f"try:\n    main({arguments!r})\nexcept SystemExit:\n    pass\n"
        f"print([m for m in {unwanted!r} if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "[]", ran.stdout


#: What the first screen of the interface does without: nothing that is loaded later may come back to its start.
LATER = {
    *("torch", "av", "cv2", "timm", "numpy", "PIL", "psutil", "filelock"),
    *(f"{PACKAGE}.{name}" for name in ("execute", "jobs", "api", "renders.server", "backends", "pipeline")),
    *(f"{PACKAGE}.commands.{name}" for name in ("advice", "bench", "evaluate", "image", "models", "stack", "train")),
    *(f"{PACKAGE}.tui.{name}" for name in ("asking", "dialogs", "help", "keyed", "live", "monitor", "new", "pictures")),
    *(f"{PACKAGE}.tui.{name}" for name in ("options_screen", "queue", "source_frames", "subject", "summary")),
}
_FIRST_SCREEN = """
import os, sys
from birefnet_video.cli import main
from birefnet_video.tui import start

async def look(pilot):
    await pilot.pause()
    shown = type(pilot.app.screen).__name__
    os.write(1, f"{shown} {sorted(sys.modules)}\\n".encode())
    import birefnet_video.tui.keyed
    birefnet_video.tui.form.model_labels()
    os.write(1, f"all {sorted(sys.modules)}\\n".encode())
    await pilot.press("j")
    await pilot.pause()
    os.write(1, f"{type(pilot.app.screen).__name__}\\n".encode())
    await pilot.press("n")
    await pilot.pause()
    os.write(1, f"{type(pilot.app.screen).__name__}\\n".encode())
    pilot.app.exit()

start.require_terminal = lambda: None
start._run = lambda app: app.run(headless=True, auto_pilot=look, size=(80, 24))
main(["tui"])
"""


def test_the_first_screen_loads_what_it_shows_and_no_screen_anything_heavy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    ran = subprocess.run(
        [sys.executable, "-c", _FIRST_SCREEN], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    first, full, *later = (line.partition(" ") for line in ran.stdout.splitlines())
    assert first[0] == "HomeScreen"
    assert not LATER & set(ast.literal_eval(first[2]))
    assert not {"torch", "av", "cv2", "timm"} & set(ast.literal_eval(full[2]))
    assert [screen for screen, _, _ in later] == ["QueueScreen", "NewScreen"]


@pytest.mark.parametrize("name", ["model", "tui"])
def test_a_room_imported_by_its_folder_name_refuses(name: str) -> None:
    ran = subprocess.run([sys.executable, "-c", f"import {name}"], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode and f"birefnet_video.{name}" in ran.stderr
