"""The doctor as a shell shows it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from birefnet_video.doctor.extras import EXTRAS

PROGRAM = [sys.executable, "-m", "birefnet_video", "doctor"]
#: Makes modules absent before anything is imported.
_BLOCK = """
import importlib.machinery, sys
find = importlib.machinery.PathFinder.find_spec
def find_others(name, path=None, target=None):
    return None if name.split(".")[0] in {absent!r} else find(name, path, target)
importlib.machinery.PathFinder.find_spec = find_others
from birefnet_video.cli import main
main(["doctor", *sys.argv[1:]])
"""


def look(*arguments: str, absent: tuple[str, ...] = (), path: str = "") -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", _BLOCK.format(absent=absent), *arguments] if absent else [*PROGRAM, *arguments]
    environment = {**os.environ, "PATH": os.pathsep.join([path, os.environ["PATH"]])} if path else None
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def found_in(ran: "subprocess.CompletedProcess[str]") -> dict[str, dict[str, dict[str, str]]]:
    """Findings by section and title."""
    (line,) = ran.stdout.splitlines()
    sections = json.loads(line)["sections"]
    return {section["title"]: {each["title"]: each for each in section["findings"]} for section in sections}


@pytest.mark.slow
def test_a_machine_without_a_gpu_is_well_and_its_render_is_verified() -> None:
    ran = look("--json")
    found = found_in(ran)
    assert ran.stderr == "" and list(found) == [
        *("Program", "Devices", "Engines", "Extras", "Codecs", "Models", "Storage", "Self-test")
    ]
    if found["Devices"].get("NVIDIA GPU", {}).get("state") != "note":
        pytest.skip("there is a GPU")
    assert ran.returncode == json.loads(ran.stdout)["exit_code"] == 0, ran.stdout
    render = found["Self-test"]["render and verify"]
    assert render["state"] == "ok" and render["text"].startswith("25 frames with sound, ")
    assert found["Engines"]["openvino"]["text"].endswith("tried")


@pytest.mark.slow
def test_a_driver_without_a_gpu_that_torch_can_use_is_said_in_every_way(tmp_path: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    smi = tmp_path / "nvidia-smi"
    smi.write_text("#!/bin/sh\necho 570.86.15\n")
    smi.chmod(0o755)
    ran = look("--report", path=str(tmp_path))
    assert ran.returncode == 4, ran.stderr
    broken = [line for line in ran.stdout.splitlines() if line.startswith("  [broken ]")]
    assert len(broken) == 2 and "570.86.15" in broken[0] and "on the CPU, though there is a GPU" in broken[1]
    assert ran.stdout.splitlines()[-1].startswith("2 things do not work: Devices: NVIDIA GPU")
    assert str(Path.home()) not in ran.stdout


@pytest.mark.slow
def test_without_any_extra_all_is_well_and_each_is_named() -> None:
    absent = tuple({module for modules, _ in EXTRAS.values() for module in modules})
    ran = look("--json", "--no-self-test", absent=absent)
    found = found_in(ran)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert {each["state"] for each in found["Extras"].values()} == {"missing"}
    assert found["Engines"]["openvino"]["todo"] == "pip install 'birefnet-video[openvino]'"
    assert found["Engines"]["eager"]["state"] == "ok" and "Self-test" not in found


@pytest.mark.parametrize("library", ["torch", "av"])
def test_without_a_library_the_rest_is_still_looked_at(library: str) -> None:
    ran = look("--json", absent=(library,))
    found = found_in(ran)
    assert ran.returncode == 1 and ran.stderr == "", ran.stderr
    assert found["Program"][library]["state"] == "broken"
    assert library in found["Program"][library]["text"]
    assert found["Models"]["tiny"]["state"] == "ok" and found["Storage"]["room here"]["state"] != "broken"
    assert next(iter(found["Self-test"].values()))["state"] == "broken"


def test_one_way_of_printing_is_taken() -> None:
    ran = look("--json", "--report")
    assert ran.returncode == 2 and "give one of them" in ran.stderr
