"""PyMatting's estimation of foregrounds alone: all of PyMatting compiles itself for ten times as long."""

import sys
import threading
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np

#: PyMatting's own name of the module: what numba keeps of it on disk asks for it by that.
_NAME, _FUNCTION = "pymatting.foreground.estimate_foreground_ml", "estimate_foreground_ml"
#: Modules are one for the whole process, and so is the turn to make one.
_LOADING = threading.Lock()


def is_loaded() -> bool:
    """Whether it lies ready in this process, and need not compile itself any more."""
    return hasattr(sys.modules.get(_NAME), _FUNCTION)


def estimation() -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """What gives the subject's colours (H, W, 3) of a picture (H, W, 3) and its alpha (H, W), all floats in [0, 1].

    Raises:
        ImportError: if PyMatting is not installed.
    """
    with _LOADING:
        if not is_loaded():
            _load()
        return getattr(sys.modules[_NAME], _FUNCTION)


def _load() -> None:
    """Import the one module, without the packages that it lies in: they import, and so compile, everything."""
    package = find_spec("pymatting")
    folders = (package.submodule_search_locations if package is not None else None) or ()
    for folder in folders:
        path = Path(folder, *_NAME.split(".")[1:]).with_suffix(".py")
        spec = spec_from_file_location(_NAME, path)
        if not path.is_file() or spec is None or spec.loader is None:
            continue
        # It is there before it runs, as in any import.
        sys.modules[_NAME] = module_from_spec(spec)
        try:
            spec.loader.exec_module(sys.modules[_NAME])
        except BaseException:
            del sys.modules[_NAME]
            raise
        return
    import_module(_NAME)
