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


def test_the_terminal_interface_loads_nothing_heavy() -> None:
    program = (
        "import sys\nimport birefnet_video.tui.app, birefnet_video.tui.start\n"
        "birefnet_video.tui.form.model_labels()\n"
        "print([m for m in ('torch', 'av', 'cv2', 'timm') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "[]", ran.stdout


@pytest.mark.parametrize("name", ["model", "tui"])
def test_a_room_imported_by_its_folder_name_refuses(name: str) -> None:
    ran = subprocess.run([sys.executable, "-c", f"import {name}"], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode and f"birefnet_video.{name}" in ran.stderr
