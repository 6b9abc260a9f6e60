"""What the machine does, with and without a GPU."""

import os
import sys
from types import ModuleType, SimpleNamespace

import pytest
from birefnet_video.tui.telemetry import Reading, Telemetry
from wait import until


def first_reading(monkeypatch: pytest.MonkeyPatch) -> Reading:
    monkeypatch.setattr("birefnet_video.tui.telemetry._EVERY_S", 0.05)
    telemetry = Telemetry()
    telemetry.follow(os.getpid())
    telemetry.start()
    reading = until(lambda: telemetry.latest)
    telemetry.close()
    assert reading is not None
    return reading


def nvml(**changes: object) -> ModuleType:
    """The few functions of nvidia-ml-py that are used."""
    module = ModuleType("pynvml")
    functions = {
        "NVMLError": RuntimeError,
        "NVML_TEMPERATURE_GPU": 0,
        "nvmlInit": lambda: None,
        "nvmlDeviceGetCount": lambda: 1,
        "nvmlDeviceGetHandleByIndex": lambda index: index,
        "nvmlDeviceGetName": lambda handle: "H200",
        "nvmlDeviceGetMemoryInfo": lambda handle: SimpleNamespace(used=10, total=40),
        "nvmlDeviceGetUtilizationRates": lambda handle: SimpleNamespace(gpu=97),
        "nvmlDeviceGetTemperature": lambda handle, sensor: 71,
        "nvmlDeviceGetPowerUsage": lambda handle: 320_000,
        **changes,
    }
    for name, function in functions.items():
        setattr(module, name, function)
    return module


def test_a_gpu_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", nvml())
    reading = first_reading(monkeypatch)
    assert reading.gpu is not None and reading.gpu.name == "H200"
    assert (reading.gpu.busy, reading.gpu.memory_used, reading.gpu.celsius, reading.gpu.watts) == (0.97, 10, 71, 320.0)
    assert reading.memory > 1_000_000 and reading.of_cores >= 1


@pytest.mark.parametrize(("is_its_own", "expected"), [(True, "card 1"), (False, "card 0")])
def test_of_several_the_one_is_read_that_the_render_computes_on(
    is_its_own: bool, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = os.getpid() if is_its_own else 0
    several = nvml(
        nvmlDeviceGetCount=lambda: 2,
        nvmlDeviceGetName=lambda handle: f"card {handle}",
        nvmlDeviceGetComputeRunningProcesses=lambda handle: [SimpleNamespace(pid=pid)] if handle == 1 else [],
    )
    monkeypatch.setitem(sys.modules, "pynvml", several)
    reading = first_reading(monkeypatch)
    assert reading.gpu is not None and reading.gpu.name == expected


def test_without_a_driver_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_driver() -> None:
        raise RuntimeError("NVML Shared Library Not Found")

    monkeypatch.setitem(sys.modules, "pynvml", nvml(nvmlInit=no_driver))
    reading = first_reading(monkeypatch)
    assert reading.gpu is None and reading.gpu_note == "CPU mode (NVML Shared Library Not Found)"


def test_without_the_extra_it_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert "extra gpu" in first_reading(monkeypatch).gpu_note


def test_a_gpu_that_stops_to_answer_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(handle: object) -> None:
        raise RuntimeError("GPU is lost")

    monkeypatch.setitem(sys.modules, "pynvml", nvml(nvmlDeviceGetUtilizationRates=lost))
    assert first_reading(monkeypatch).gpu is None
