"""``birefnet-video stack``."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from birefnet_video.commands.pulling import require_weights
from birefnet_video.commands.stack_report import StackTeller, make_stack_teller
from birefnet_video.options.group import FLAT
from birefnet_video.options.network import BackendSpec
from birefnet_video.options.stacks import StackFilesSpec, StackMatteSpec, StackReadSpec, StackRequest, StackRunSpec
from birefnet_video.signals import stop_on_signals

if TYPE_CHECKING:
    from birefnet_video.stacks.slicing import Slicing
    from birefnet_video.stacks.stack import Stack
    from birefnet_video.stacks.window import Toner

#: What is said once of every stack that may show a body.
NO_CLAIM = "no medical claim is made: this is no medical device, and its masks are not for diagnosis or treatment"

_OUTPUTS = Group("Outputs", sort_key=1)
_INPUT = Group("Input", sort_key=2)
_NETWORK = Group("Network", sort_key=3)
_MATTE = Group("Mask", sort_key=4)
_RUN = Group("Run", sort_key=5)


def stack(
    source: Annotated[Path, Parameter(name="INPUT")],
    /,
    *,
    files: Annotated[StackFilesSpec, FLAT, Parameter(group=_OUTPUTS)] = StackFilesSpec(),
    read: Annotated[StackReadSpec, FLAT, Parameter(group=_INPUT)] = StackReadSpec(),
    backend: Annotated[BackendSpec, FLAT, Parameter(group=_NETWORK)] = BackendSpec(),
    matte: Annotated[StackMatteSpec, FLAT, Parameter(group=_MATTE)] = StackMatteSpec(),
    run: Annotated[StackRunSpec, FLAT, Parameter(group=_RUN)] = StackRunSpec(),
) -> int:
    """Mask the subject in a stack of slices, a volume, with its place and size kept. No medical claim is made.

    For example:
    birefnet-video stack brain.nii.gz --mask brain_mask.nii.gz --threshold 0.5
    birefnet-video stack cells.tif --mask cells_mask.tif --window full

    Parameters
    ----------
    source
        NIfTI file (.nii, .nii.gz), multi-page TIFF, folder of pictures or folder of a DICOM series. NIfTI and DICOM
        need pip install 'birefnet-video[medical]'.
    """
    return run_stack(StackRequest(source=source, files=files, read=read, backend=backend, matte=matte, run=run.settled))


def run_stack(request: StackRequest) -> int:
    """Do what is asked for.

    Returns:
        the exit code.

    Raises:
        BirefnetVideoError: if it cannot be done.
    """
    from birefnet_video.stacks.opening import check_mask, open_stack
    from birefnet_video.stacks.slicing import slicing_along

    teller = make_stack_teller(request.run)
    began = time.monotonic()
    source = open_stack(request.source, request.read)
    try:
        output = request.files.mask or source.mask_beside()
        check_mask(output, source, overwrite=request.files.overwrite)
        slicing = slicing_along(request.read.axis, source.info)
        require_weights(request.backend.model, may_ask=not request.run.json_lines and not request.run.quiet)
        toner, code = _work(request, teller, source, slicing, output)
    finally:
        source.close()
    shown = None if toner.shown is None else {"low": toner.shown.low, "high": toner.shown.high, "why": toner.shown.why}
    record: dict[str, Any] = {
        "event": "cancelled" if code else "finished",
        "exit_code": code,
        "input": str(request.source),
        "output": None if code else str(output),
        "kind": source.info.kind,
        "shape": list(source.info.shape),
        "axis": "xyz"[slicing.axis],
        "direction": slicing.name,
        "slices": slicing.count(source.info),
        "window": shown,
        "seconds": round(time.monotonic() - began, 3),
        "error": None,
    }
    teller.end(record)
    return code


def _work(
    request: StackRequest, teller: StackTeller, source: "Stack", slicing: "Slicing", output: Path
) -> "tuple[Toner, int]":
    """Make the mask and write it: how it was shown, and the exit code."""
    from birefnet_video.pipeline.stacks import StackRun, Stopped
    from birefnet_video.stacks.stack import MEDICAL
    from birefnet_video.stacks.window import toner_for

    info = source.info
    if info.kind in MEDICAL:
        teller.note(NO_CLAIM)
    for note in info.notes:
        teller.warn(f"{info.path}: {note}")
    toner = toner_for(request.read.window, info, source.slices())
    along = "xyz"[slicing.axis] + (f" ({slicing.name})" if slicing.name else "")
    teller.note(f"{slicing.count(info)} slices along {along}, {_shown(toner)}")
    run = StackRun(request, tell=teller.note, advance=teller.advance)
    received = stop_on_signals(run.stop)
    teller.begin(slicing.count(info))
    try:
        mask = run.mask(source, slicing, toner)
    except Stopped:
        return toner, 128 + received[0]
    finally:
        teller.close()
    source.save(output, mask, overwrite=request.files.overwrite)
    return toner, 0


def _shown(toner: "Toner") -> str:
    if toner.shown is None:
        return "shown as stored, in 8 bits"
    low, high, why = toner.shown
    return f"shown from {low:g} to {high:g} ({why})"
