"""EdgeTAM (Zhou et al., CVPR 2025; Apache-2.0) as a :class:`Tracker`, by the public interface of its package ``sam2``.

The package prints on standard output, shows bars of progress and fetches weights of its backbone that its own
checkpoint holds as well; it reads frames from a folder, all at once, and keeps what it made of every frame. None of
that is wanted here: nothing is printed or fetched, and memory does not grow with the frames.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pickle import UnpicklingError
from types import ModuleType
from typing import Any

import numpy as np
from PIL import Image

from birefnet_video.errors import BackendUnavailable, CheckpointError, first_line
from birefnet_video.matting.filters.opencv import resized
from birefnet_video.matting.guidance.tracker import Pointed, Tracked

_CONFIG = "configs/edgetam.yaml"
_HINT = "get it with: pip install 'birefnet-video[track]'"
#: Mean and standard deviation of the colours that it was trained on (those of ImageNet).
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
#: Frames that it looks back on: its sixteen latest pointers to objects, which are more than its masks.
_LOOKS_BACK = 16
#: More frames than any video has: it need not know how many there are.
_ENDLESS = 2**31
#: A mask's value from which a subject is there.
_ON = 0.5


def require_edgetam() -> None:
    """
    Raises:
        BackendUnavailable: if the package is not installed, or only SAM 2, whose package has the same name.
    """
    found = find_spec("sam2")
    if found is None:
        raise BackendUnavailable("--tracker edgetam: its package is not installed", hint=_HINT)
    folders = [Path(each) for each in found.submodule_search_locations or ()]
    if not any((folder / _CONFIG).is_file() for folder in folders):
        raise BackendUnavailable("--tracker edgetam: the package sam2 that is installed is not EdgeTAM's", hint=_HINT)


class EdgeTam:
    """Follows subjects; see :class:`birefnet_video.matting.guidance.tracker.Tracker`."""

    def __init__(self, weights: Path, device: str, grid: tuple[int, int]) -> None:
        """
        Args:
            weights: its checkpoint.
            device: ``cpu``, ``cuda`` or ``cuda:N``.
            grid: height and width of the masks that are wanted.

        Raises:
            BackendUnavailable: if its package is not installed or does not work.
            CheckpointError: if the file is none of its checkpoints.
        """
        require_edgetam()
        self._grid, self._device = grid, device
        self._predictor = _built(weights, device)
        self._latest = _Latest()
        # One each: its perceiver takes one object at a time.
        self._states: dict[str, Any] = {}
        self._features: Any
        self._index, self._features = -1, {}

    def begin(self, rgb: np.ndarray, subjects: Mapping[str, Pointed]) -> Mapping[str, Tracked]:
        """See :class:`Tracker`."""
        spare = [*self._states.values()]
        self._states = {name: spare.pop() if spare else self._begun() for name in subjects}
        self._show(rgb)
        for name, state in self._states.items():
            # Nothing of other frames stays: what it is told now is where it begins.
            self._predictor.reset_state(state)
            with self._computing(state):
                self._tell(state, subjects[name])
        return self._tracked()

    def follow(self, rgb: np.ndarray) -> Mapping[str, Tracked]:
        """See :class:`Tracker`."""
        self._show(rgb)
        return self._tracked()

    def _begun(self) -> Any:
        """A state, of which one small picture is loaded and forgotten."""
        with tempfile.TemporaryDirectory() as folder, _computing(self._device):
            Image.new("RGB", self._grid[::-1]).save(Path(folder, "0.jpg"))
            state = self._predictor.init_state(video_path=folder)
        state["images"], state["num_frames"] = self._latest, _ENDLESS
        return state

    def _show(self, rgb: np.ndarray) -> None:
        import torch

        self._index, self._features = self._index + 1, {}
        side = int(self._predictor.image_size)
        small = resized(rgb, (side, side)).astype(np.float32) / 255
        normal = (small - np.array(_MEAN, np.float32)) / np.array(_DEVIATION, np.float32)
        self._latest.image = torch.from_numpy(np.ascontiguousarray(normal.transpose(2, 0, 1)))

    @contextmanager
    def _computing(self, state: Any) -> Iterator[None]:
        """With what was found of the latest frame by whoever was looked for before."""
        with _computing(self._device):
            state["cached_features"] = self._features
            yield
            self._features = state["cached_features"]

    def _tell(self, state: Any, pointed: Pointed) -> None:
        told = {"inference_state": state, "frame_idx": self._index, "obj_id": 1}
        if pointed.mask is not None:
            self._predictor.add_new_mask(**told, mask=resized(pointed.mask, self._grid) > _ON)
            return
        height, width = self._grid
        places: dict[str, Any] = {}
        if pointed.points:
            places["points"] = np.array([(x * width, y * height) for x, y, _ in pointed.points], np.float32)
            places["labels"] = np.array([is_on for *_, is_on in pointed.points], np.int32)
        if pointed.box is not None:
            places["box"] = np.array(pointed.box, np.float32) * np.array((width, height) * 2, np.float32)
        self._predictor.add_new_points_or_box(**told, **places)

    def _tracked(self) -> dict[str, Tracked]:
        import torch

        found = {}
        for name, state in self._states.items():
            with self._computing(state):
                steps = self._predictor.propagate_in_video(state, start_frame_idx=self._index, max_frame_num_to_track=0)
                _, _, logits = next(iter(steps))
                mask = torch.sigmoid(logits[0, 0].float()).cpu().numpy()
                chance = float(torch.sigmoid(self._score(state).float()))
            self._forget(state)
            found[name] = Tracked(mask, chance)
        return found

    def _score(self, state: Any) -> Any:
        """Of the latest frame's object, as a logit."""
        for kind in ("cond_frame_outputs", "non_cond_frame_outputs"):
            if (made := state["output_dict"][kind].get(self._index)) is not None:
                return made["object_score_logits"][0, 0]
        raise BackendUnavailable("--tracker edgetam: its package gave no scores", hint=_HINT)

    def _forget(self, state: Any) -> None:
        """What it looks back on no more; the frame that it was told of stays."""
        last = self._index - _LOOKS_BACK
        kept = [state["output_dict"], *state["output_dict_per_obj"].values()]
        for frames in [*(outputs["non_cond_frame_outputs"] for outputs in kept), state["frames_already_tracked"]]:
            for index in [each for each in frames if each < last]:
                del frames[index]


class _Latest:
    """Stands for all frames of a video, of which only the latest is asked for."""

    image: Any = None

    def __getitem__(self, index: int) -> Any:
        return self.image

    def __len__(self) -> int:
        return _ENDLESS


def _built(weights: Path, device: str) -> Any:
    """Its predictor, built without a word and without the network."""
    names = ("build_sam", "sam2_video_predictor", "utils.misc", "modeling.backbones.timm")
    try:
        build, predictor, misc, backbone = (import_module(f"sam2.{name}") for name in names)
    except ImportError as error:
        raise BackendUnavailable(f"--tracker edgetam: {first_line(error)}", hint=_HINT) from None
    # Names of modules, and not of the process: other threads print and show progress meanwhile.
    _set(build, "print", lambda *words, **how: None)
    for module in (predictor, misc):
        _set(module, "tqdm", lambda steps, **how: steps)
    _set(backbone, "create_model", partial(_created, backbone.create_model))
    try:
        made = build.build_sam2_video_predictor(_CONFIG, str(weights), device=device)
    except (UnpicklingError, RuntimeError, KeyError, EOFError, OSError, ValueError, TypeError) as error:
        raise CheckpointError(f"{weights}: is no checkpoint of EdgeTAM: {first_line(error)}") from None
    # Needs kernels of its own on GPUs, and changes no more than eight pixels.
    made.fill_hole_area = 0
    return made


def _set(module: ModuleType, name: str, value: Any) -> None:
    setattr(module, name, value)


def _created(create: Callable[..., Any], *names: Any, **how: Any) -> Any:
    """A backbone without weights: the checkpoint has them."""
    return create(*names, **{**how, "pretrained": False})


@contextmanager
def _computing(device: str) -> Iterator[None]:
    """As its authors run it: without gradients, and in bfloat16 on NVIDIA GPUs."""
    import torch

    with torch.inference_mode(), torch.autocast("cuda", torch.bfloat16, enabled=device.startswith("cuda")):
        yield
