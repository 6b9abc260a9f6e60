"""Nothing is too long to be read at a sitting."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(path for top in ("birefnet_video", "model", "tui") for path in (ROOT / top).rglob("*.py"))
MOST_LINES, MOST_LINES_OF_A_FUNCTION, MOST_PARAMETERS = 300, 60, 8
#: A kernel's parameters are its machine's, and it knows no functions.
KERNELS = {"_kernel", "_add_norm"}


def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def test_wide_dataclasses_are_made_by_keyword() -> None:
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ClassDef):
                continue
            made = [ast.unparse(each) for each in node.decorator_list if ast.unparse(each).startswith("dataclass")]
            fields = [line for line in node.body if isinstance(line, ast.AnnAssign)]
            if made and len(fields) > MOST_PARAMETERS:
                assert "kw_only=True" in made[0], f"{path.name}: {node.name}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_are_short_and_take_few_things(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES
    for function in functions(path):
        if function.name in KERNELS:
            continue
        length = (function.end_lineno or 0) - function.lineno + 1
        assert length <= MOST_LINES_OF_A_FUNCTION, f"{function.name}: {length} lines"
        taken = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
        taken = [each for each in taken if each.arg not in ("self", "cls")]
        assert len(taken) <= MOST_PARAMETERS, f"{function.name}: {len(taken)} parameters"
