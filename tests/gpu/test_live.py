"""A live session whose mattes stay on the network's device and whose pictures are composed there.

The same with torch's CPU as the device, so that on a GPU nothing is new but that.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from attrs import evolve
from birefnet_video.model.preprocess import statistics
from guided import clip_of
from guided_clips import BLUE
from live_clips import Session, iou, on, pictures_of, saying
from stubs import INFO
from wait import PATIENCE_S

from birefnet_video.backends.base import Lent, MattingBackend
from birefnet_video.backends.engine import Prepared
from birefnet_video.backends.network import NetworkBackend
from birefnet_video.backends.registry import load_backend
from birefnet_video.live import quality_ladder, subjects
from birefnet_video.live.live_matting import LiveMatting
from birefnet_video.matting.device_plane import DevicePlane
from birefnet_video.options.live import LiveSpec
from birefnet_video.options.network import NetworkSpec
from birefnet_video.pipeline.compositor_torch import DeviceCompositor

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]
SEEN, COUNT = (96, 160), 14


def sees_figures(x: torch.Tensor) -> torch.Tensor:
    """Everything before a drawn scene, as :func:`guided_clips.not_blue` finds it: a network's logits."""
    mean, std = statistics(x.device)
    blue = torch.tensor(BLUE, device=x.device).view(1, 3, 1, 1)
    pixels = (x.float() * std + mean) * 255
    rest = pixels - (pixels * blue).sum(1, keepdim=True) * blue / (blue * blue).sum()
    alpha = ((rest.square().sum(1, keepdim=True).sqrt() - 25) / 40).clamp(1e-4, 1 - 1e-4)
    return torch.logit(alpha)


class There:
    """A session on a device, and what was done there."""

    def __init__(self, device: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.session = Session(folder)
        self.networks: list[NetworkBackend] = []
        self.composed = self.stayed = 0
        self._device = device
        monkeypatch.setattr(self.session, "load", self._load)
        # However long a busy machine takes from one picture to the next: they are one shot.
        monkeypatch.setattr(subjects, "_GAP_S", math.inf)
        compose, matte = DeviceCompositor._compose, LiveMatting.matte

        def composed(compositor: DeviceCompositor, *args: Any) -> Any:
            made = compose(compositor, *args)
            self.composed += 1
            return made

        def made(matter: LiveMatting, *args: Any) -> Any:
            found = matte(matter, *args)
            self.stayed += isinstance(found.alpha, DevicePlane)
            return found

        monkeypatch.setattr(DeviceCompositor, "_compose", composed)
        monkeypatch.setattr(LiveMatting, "matte", made)

    def spec(self, *, compose_on: str = "device", size: tuple[int, int] = SEEN, **matte: object) -> LiveSpec:
        network = NetworkSpec(size=size, device=self._device, compose_on=compose_on)
        return evolve(saying(self.session, **{"refine": True, **matte}), backend=network)

    def mattes(self, pictures: list[np.ndarray], spec: LiveSpec) -> np.ndarray:
        """Float32 (N, H, W) in [0, 1]; none was made anywhere else for want of something."""
        self.session.path.unlink(missing_ok=True)
        made = self.session.run(self.session.camera(pictures), spec=spec)
        assert len(made) == len(pictures)
        assert not [line for line in self.session.told if "memory" in line or "CPU" in line]
        return made

    def _load(self, spec: NetworkSpec, width: int, height: int) -> MattingBackend:
        assert spec.size is not None
        info = replace(INFO, device=self._device, input_size=spec.size, batch_size=1)
        self.networks.append(NetworkBackend(Prepared(sees_figures), info))
        return self.networks[-1]


@pytest.fixture(params=DEVICES)
def there(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[There]:
    made = There(request.param, tmp_path, monkeypatch)
    yield made
    made.session.live.stop()
    made.session.live.wait(PATIENCE_S)


@pytest.mark.parametrize("smooth", ["off", "live"])
def test_pictures_composed_there_are_those_of_the_cpu(smooth: str, there: There) -> None:
    pictures = pictures_of(clip_of("mirror"), slice(0, COUNT))
    here = there.mattes(pictures, there.spec(compose_on="cpu", smooth=smooth))
    assert there.composed == there.stayed == 0
    made = there.mattes(pictures, there.spec(smooth=smooth))
    assert there.composed == there.stayed == COUNT
    change = np.abs(made - here)
    # 7 levels of 255 at most and .025 in the mean with the CPU as the device.
    assert change.max() < 8 / 255 and change.mean() < 0.05 / 255


@pytest.mark.parametrize("smooth", ["off", "live"])
def test_who_is_named_is_kept(smooth: str, there: There) -> None:
    clip, part = clip_of("mirror"), slice(0, COUNT)
    mattes = there.mattes(pictures_of(clip, part), there.spec(subject=on(clip), smooth=smooth))
    assert iou(mattes, clip.subject[part]).min() > 0.85
    assert float((mattes * (clip.others[part] > 0.5)).sum() / mattes.sum()) < 0.02
    assert there.composed == COUNT and there.session.noted == []


def test_a_smaller_network_goes_on_there(there: There, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("birefnet_video.live.numbers._JUDGED_AFTER", 6)
    # Each is quick enough alone, and none keeps that latency.
    monkeypatch.setattr(quality_ladder, "_least_time", lambda backend, runs: 0.0)
    clip, part = clip_of("mirror"), slice(0, COUNT + 6)
    spec = there.spec(subject=on(clip), smooth="live", size=(192, 320))
    mattes = there.mattes(pictures_of(clip, part), evolve(spec, pace=evolve(spec.pace, latency=1e-3)))
    sizes = [network.info.input_size for network in there.networks]
    assert len(sizes) >= 3 and sizes[0] > sizes[1] > sizes[2]
    assert iou(mattes, clip.subject[part]).min() > 0.85 and there.session.noted == []
    assert there.composed == COUNT + 6 and all(network._prepared is None for network in there.networks)


def test_the_bundled_network_is_live_there(there: There, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the registry opens it: on a GPU its launches are recorded on one thread, and played on others."""
    told: list[str] = []
    opened: list[MattingBackend] = []

    def load(spec: Any, width: int, height: int) -> MattingBackend:
        if not opened:
            engine = "eager" if spec.device == "cpu" else "auto"
            opened.append(load_backend(evolve(spec, engine=engine), width, height, tell=told.append))
        return Lent(opened[0])

    monkeypatch.setattr(there.session, "load", load)
    pictures = pictures_of(clip_of("mirror"), slice(0, 3))
    here, made = (there.mattes(pictures, there.spec(compose_on=where, smooth="live")) for where in ("cpu", "device"))
    opened[0].close()
    assert there.composed == there.stayed == 3 and not any("out of memory" in line for line in told)
    change = np.abs(made - here)
    assert made.max() > 0.5 and change.max() < 8 / 255 and change.mean() < 0.05 / 255
