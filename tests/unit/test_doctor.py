"""What the doctor makes of what it sees."""

import tomllib
from fractions import Fraction
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from birefnet_video.doctor import codecs, devices, engines, extras, networks, program, selftest, storage
from birefnet_video.doctor.devices import Signs, find_signs
from birefnet_video.doctor.examine import examine, exit_code_of
from birefnet_video.doctor.finding import Finding, Section
from birefnet_video.doctor.privacy import Private, private_here, redacted, redacted_sections
from birefnet_video.doctor.showing import as_json, print_section, report_lines, verdict
from birefnet_video.errors import BackendUnavailable, OutputRefused, VerificationFailed
from birefnet_video.options.outputs import CODECS
from birefnet_video.outputs.encoding import Encoding
from birefnet_video.outputs.encodings import every_encoding

ROOT = Path(__file__).parents[2]
CARD = Signs(nvidia_cards=1, nvidia_driver="570.86.15")


class FakeTorch(SimpleNamespace):
    """As much of torch as is asked."""

    def __init__(self, *, cuda: str | None, usable: bool = False, computes: bool = True) -> None:
        def init() -> None:
            raise RuntimeError("Found no NVIDIA driver on your system. More.\nAnd more")

        def ones(*shape: int, device: str) -> Any:
            if not computes:
                raise RuntimeError("no kernel image is available for execution on the device\nmore")
            import numpy

            return numpy.ones(shape)

        facts = SimpleNamespace(name="GPU X", major=9, minor=0, total_memory=80 * 2**30)
        super().__init__(
            __version__="2.14.1",
            ones=ones,
            version=SimpleNamespace(cuda=cuda, hip=None),
            cuda=SimpleNamespace(
                is_available=lambda: usable,
                device_count=lambda: 2,
                get_device_properties=lambda number: facts,
                get_arch_list=lambda: ["sm_80", "sm_90"],
                init=init,
            ),
        )


def gpus(torch: FakeTorch, signs: Signs) -> list[Finding]:
    return list(devices._gpus(torch, signs))


def test_a_gpu_that_torch_is_not_built_for_is_broken() -> None:
    (found,) = gpus(FakeTorch(cuda=None), CARD)
    assert found.state == "broken" and "built for CPUs only: everything runs on the CPU" in found.text
    assert "570.86.15" in found.text and "pytorch.org" in found.todo


def test_a_gpu_that_torch_cannot_use_is_broken_with_the_reason() -> None:
    (found,) = gpus(FakeTorch(cuda="13.0"), CARD)
    assert found.state == "broken" and "Found no NVIDIA driver on your system" in found.text
    assert "Everything runs on the CPU" in found.text and "CUDA 13.0" in found.todo
    (found,) = gpus(FakeTorch(cuda="13.0"), Signs(nvidia_cards=1))
    assert "without a driver" in found.text and "install NVIDIA's driver" in found.todo


def test_a_gpu_that_its_user_has_hidden_is_not_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    (found,) = gpus(FakeTorch(cuda="13.0"), CARD)
    assert found.state == "note" and "hidden by CUDA_VISIBLE_DEVICES" in found.text


def test_no_gpu_is_said_plainly() -> None:
    (found,) = gpus(FakeTorch(cuda="13.0"), Signs())
    assert found == Finding("NVIDIA GPU", "note", "none: networks run on the CPU")
    assert [each.title for each in gpus(FakeTorch(cuda=None), Signs(amd_cards=1))] == ["NVIDIA GPU", "AMD GPU"]


def test_gpus_that_compute_are_named_and_those_that_do_not_are_broken() -> None:
    found = gpus(FakeTorch(cuda="13.0", usable=True), CARD)
    assert [(each.title, each.state) for each in found] == [("cuda:0", "ok"), ("cuda:1", "ok")]
    assert found[0].text == "GPU X, 80 GiB, compute capability 9.0: computes"
    found = gpus(FakeTorch(cuda="13.0", usable=True, computes=False), CARD)
    assert found[0].state == "broken" and "no kernel image" in found[0].text and "sm_80, sm_90" in found[0].todo


def test_signs_of_gpus_are_found_without_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert find_signs(tmp_path) == Signs()
    for name, vendor, kind in (("a", "0x10de", "0x030200"), ("b", "0x10de", "0x040300"), ("c", "0x1002", "0x030000")):
        folder = tmp_path / "sys/bus/pci/devices" / name
        folder.mkdir(parents=True)
        (folder / "vendor").write_text(f"{vendor}\n")
        (folder / "class").write_text(f"{kind}\n")
    assert find_signs(tmp_path) == Signs(nvidia_cards=1, amd_cards=1)
    smi = tmp_path / "bin" / "nvidia-smi"
    smi.parent.mkdir()
    smi.write_text("#!/bin/sh\necho 570.1\n")
    smi.chmod(0o755)
    assert find_signs(tmp_path).nvidia_driver == "570.1"
    version = tmp_path / "proc/driver/nvidia/version"
    version.parent.mkdir(parents=True)
    version.write_text("NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.86.15  Thu Jan")
    assert find_signs(tmp_path).nvidia_driver == "570.86.15"


def test_the_extras_are_those_of_the_package() -> None:
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(extras.EXTRAS) == set(known) - {"dev"}


@pytest.mark.parametrize("extra", extras.EXTRAS, ids="extra-{}".format)
def test_an_extra_that_is_missing_says_what_it_is_good_for_and_how_to_get_it(
    extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    modules, use = extras.EXTRAS[extra]
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name in modules else object())
    found = {each.title: each for each in extras.look_at_extras().findings}
    assert found[extra].state == "missing" and found[extra].todo == f"pip install 'birefnet-video[{extra}]'"
    assert use in found[extra].text and all(module in found[extra].text for module in modules)
    assert all(each.state == "ok" for title, each in found.items() if not set(extras.EXTRAS[title][0]) & set(modules))


def test_extras_that_are_there_say_their_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: object())
    found = {each.title: each for each in extras.look_at_extras().findings}
    assert "pymatting 1." in found["foreground"].text.lower()


@pytest.mark.parametrize(("name", "module"), [("openvino", "openvino"), ("onnx", "onnxruntime")])
def test_an_engine_whose_library_is_missing_says_so(name: str, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from birefnet_video.backends import engine_table

    real = engine_table.find_spec
    monkeypatch.setattr(engine_table, "find_spec", lambda each: None if each == module else real(each))
    found = engines._engine(name, "cpu", thorough=True)
    assert found.state == "missing" and f"{module} not installed" in found.text
    assert found.todo == f"pip install 'birefnet-video[{name}]'"


def test_engines_say_where_they_run_and_whether_they_were_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "infer_once", lambda name, device: [])
    assert engines._engine("tensorrt", "cpu", thorough=False) == Finding("tensorrt", "note", "runs on cuda only")
    assert engines._engine("eager", "cpu", thorough=False).text == "cpu: fp32, bf16; tried"
    assert engines._engine("compile", "cpu", thorough=False).text.endswith("not tried (--thorough tries it)")
    assert engines._engine("compile", "cpu", thorough=True).text.endswith("; tried")
    # The CPU's own engine, beside a GPU.
    assert engines._engine("eager", "cuda", thorough=False).text.startswith("cuda: fp32, bf16, fp16")

    # The default on NVIDIA's GPUs, with what it could not do there.
    monkeypatch.setattr(engines, "infer_once", lambda name, device: ["its launches cannot be recorded"])
    text = engines._engine("cudagraph", "cuda", thorough=False).text
    assert text == "cuda: fp32, bf16, fp16; tried; its launches cannot be recorded"

    def fail(name: str, device: str) -> None:
        raise BackendUnavailable("eager: does not start: no luck", hint="try again")

    monkeypatch.setattr(engines, "infer_once", fail)
    assert engines._engine("eager", "cpu", thorough=False).state == "broken"


def test_every_codec_that_an_output_can_have_encodes_here_but_nvidias() -> None:
    assert set(CODECS) <= set(every_encoding())
    for name, encoding in every_encoding().items():
        found = codecs._encoder(name, encoding, has_nvidia=False)
        if encoding.codec.endswith("_nvenc"):
            assert found.state in ("ok", "note"), found
        else:
            assert found.state == "ok" and encoding.codec in found.text, found


def test_an_encoder_that_does_not_open_says_why() -> None:
    absent = Encoding(container="mp4", codec="no_such_encoder", pixel_formats={8: "yuv420p"})
    found = codecs._encoder("x", absent, has_nvidia=False)
    assert found.state == "broken" and "no_such_encoder does not open" in found.text and "PyAV" in found.todo
    nvidia = Encoding(container="mp4", codec="no_such_nvenc", pixel_formats={8: "yuv420p"})
    assert codecs._encoder("x", nvidia, has_nvidia=False).state == "note"
    found = codecs._encoder("x", nvidia, has_nvidia=True)
    assert found.state == "missing" and "update the driver" in found.todo


def test_decoders_and_containers_that_are_missing_are_named() -> None:
    assert codecs._known("decode", ("h264", "no_such"), "r").text == "FFmpeg was built without no_such"
    assert {each.state for each in codecs._lists()} == {"ok"}


def test_a_library_that_cannot_be_imported_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(module: str) -> None:
        raise OSError("libGL.so.1: cannot open shared object file\nmore")

    monkeypatch.setattr(program, "import_module", fail)
    found = {each.title: each for each in program.look_at_program().findings}
    assert found["opencv-python-headless"].state == "broken" and "libGL.so.1" in found["opencv-python-headless"].text
    assert found["birefnet-video"].state == "ok"


def test_a_section_that_cannot_be_looked_at_does_not_end_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    from birefnet_video.doctor import examine as room

    def fail(*arguments: object) -> Section:
        raise ImportError("torch: blocked")

    monkeypatch.setattr(room, "look_at_devices", fail)
    monkeypatch.setattr(room, "_engines", lambda thorough: Section("Engines", ()))
    found = list(examine(self_test=False, thorough=False))
    assert [each.title for each in found][:3] == ["Program", "Devices", "Engines"]
    assert found[1].findings[0].state == "broken" and "torch: blocked" in found[1].findings[0].text


def test_models_say_whether_they_are_here() -> None:
    found = {each.title: each for each in networks.look_at_networks().findings}
    assert found["tiny"].state == "ok" and "bundled" in found["tiny"].text
    assert found["lite"].state in ("ok", "note")


def test_a_row_of_ones_own_that_is_not_valid_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    folder = tmp_path / "birefnet-video" / "models" / "mine"
    folder.mkdir(parents=True)
    (folder / "model.toml").write_text("colour = 'blue'")
    found = {each.title: each for each in networks.look_at_networks().findings}
    assert found["mine"].state == "broken" and "models rm mine" in found["mine"].todo
    assert found["tiny"].state == "ok"


def test_folders_say_their_size_and_those_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_bytes(bytes(2048))
    (tmp_path / "a" / "y").symlink_to(tmp_path / "a" / "x")
    assert 2048 <= storage.folder_bytes(tmp_path) < 4096
    assert storage._folder("cache", lambda: tmp_path, "use").text.startswith("2.")
    assert storage._folder("cache", lambda: tmp_path / "b", "").text.startswith("nothing yet")

    def homeless() -> Path:
        raise OutputRefused("no home", hint="X names one")

    assert storage._folder("cache", homeless, "") == Finding("cache", "note", "no home", "X names one")
    assert [storage.size_words(count) for count in (3, 2048, 3 * 2**20, 5 * 2**30)] == [
        "3 bytes",
        "2.0 KiB",
        "3.0 MiB",
        "5.0 GiB",
    ]


def test_a_render_beside_an_idle_gpu_is_not_well(monkeypatch: pytest.MonkeyPatch) -> None:
    report = SimpleNamespace(frames=25, fps=10.0, backend="tiny, eager on cpu")
    monkeypatch.setattr(selftest, "render_clip", lambda folder: report)
    assert selftest.look_at_a_render(gpu_is_idle=False).broken == 0
    section = selftest.look_at_a_render(gpu_is_idle=True)
    assert section.broken == 1 and exit_code_of([section]) == 4
    assert "on the CPU, though there is a GPU" in section.findings[0].text


def test_a_render_that_fails_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(folder: Path) -> None:
        raise VerificationFailed("not what was promised")

    monkeypatch.setattr(selftest, "render_clip", fail)
    section = selftest.look_at_a_render(gpu_is_idle=True)
    assert exit_code_of([section]) == 1 and section.findings[0].text == "not what was promised"


def test_the_exit_code_is_the_worst_of_all() -> None:
    well = Section("A", (Finding("a", "missing", "x"), Finding("b", "note", "y")))
    device, other = (Section("D", (Finding("d", "broken", "x"),), code) for code in (4, 1))
    assert exit_code_of([well]) == 0
    assert exit_code_of([well, device]) == 4
    assert exit_code_of([device, other]) == 1
    assert verdict([well]) == "all well"
    assert verdict([device, other]) == "2 things do not work: D: d, D: d"


def test_what_is_broken_is_red_and_says_what_to_do() -> None:
    section = Section(
        "Devices", (Finding("GPU", "broken", "does not compute", "update"), Finding("CPU", "ok", "2", "no"))
    )
    console = Console(force_terminal=True, color_system="standard", width=100, record=True, file=StringIO())
    print_section(section, console)
    shown = console.export_text(styles=True)
    assert "\x1b[1;31mdoes not compute → update\x1b[0m" in shown and "→ no" not in shown
    assert report_lines([section])[1] == "  [broken ] GPU                      does not compute -> update"
    assert as_json([section])["sections"][0]["findings"][1]["state"] == "ok" and as_json([section])["exit_code"] == 1


ANNA = Private(
    home="/home/anna",
    user="anna",
    host="box7.lan",
    folders=("/srv/My Clients/Acme", "/srv/My Clients/Acme/hub", "/tmp", "/usr/bin", "/data/a, b: c (d)"),
    models=("acme launch", "secretnet"),
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("/home/anna", "~"),
        ("3 MB in /home/anna/.cache/x", "3 MB in <PATH>"),
        ("/home/annabel/y, then", "<PATH>, then"),
        ("3 MB in /srv/My Clients/Acme/hub", "3 MB in <FOLDER>"),
        ("/srv/My Clients/Acme/hub cannot be written", "<FOLDER> cannot be written"),
        ("/srv/My Clients/Acme/other one/x: no such file", "<PATH>: no such file"),
        ("/data/a, b: c (d) is full", "<FOLDER> is full"),
        ("/data/a, b: c (d)/acme", "<PATH>"),
        ("in /srv/Other Clients/Beta", "in <PATH>"),
        ("/tmp/acme/x.mov", "<PATH>"),
        ("/opt/acme", "<PATH>"),
        ("/run/user/1000/acme", "<PATH>"),
        ("/usr/local/acme /dev/shm/acme", "<PATH>"),
        ("/usr/lib/python3, /dev/nvidia0, /proc/driver", "/usr/lib/python3, /dev/nvidia0, /proc/driver"),
        ("file:/data/acme/x", "file:<PATH>"),
        ("file:///data/acme/x", "<ADDRESS>"),
        ("HF_HOME:/data/acme", "HF_HOME:<PATH>"),
        ("HF_HOME=/data/acme x", "HF_HOME=<PATH>"),
        ("\\\\server\\acme\\x y", "<PATH>"),
        ("D:/Users/Acme B/x", "<PATH>"),
        ("C:\\Videos\\party.mov", "<PATH>"),
        ("clients/acme/net.pth is", "<PATH> is"),
        ("./acme and ../acme", "<PATH> and <PATH>"),
        ("https://anna:pw@proxy.acme.corp/x failed", "<ADDRESS> failed"),
        ("https://anna:pw@github.com/x failed", "<ADDRESS> failed"),
        ("http://github.com.acme.corp/ failed", "<ADDRESS> failed"),
        ("see https://pytorch.org/get-started/locally", "see https://pytorch.org/get-started/locally"),
        ("my secret clip.mp4", "<FILE>"),
        ("it says: my secret clip.mp4", "it says:<FILE>"),
        ("'my secret clip.MOV': broken", "'<FILE>': broken"),
        ("~otheruser/x y", "<PATH>"),
        ("of ~otheruser", "of <PATH>"),
        ("~/Acme launch", "<PATH>"),
        ("anna_lee and Anna on BOX7 at box7.lan, hannah", "<USER>_lee and <USER> on <HOST> at <HOST>, hannah"),
        ("acme launch", "your own 1"),
        ("birefnet-video models pull secretnet", "birefnet-video models pull your own 2"),
        ("4/5 / 2", "4/5 / 2"),
        ("eager, fp32, 25 frames a second; on cuda:0", "eager, fp32, 25 frames a second; on cuda:0"),
    ],
)
def test_reports_name_nobody(text: str, said: str) -> None:
    assert redacted(text, ANNA) == said


def test_names_that_many_machines_share_are_let_be() -> None:
    common = Private(home="/root", user="root", host="localhost")
    assert redacted("root at localhost", common) == "root at localhost"


def test_folders_of_variables_and_names_of_own_models_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("acme launch", "tiny", "broken"):
        (tmp_path / "birefnet-video" / "models" / name).mkdir(parents=True)
        (tmp_path / "birefnet-video" / "models" / name / "model.toml").write_text("file = 'x.pth'\n")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    here = private_here({"HF_HOME": "/srv/My Clients/Acme", "PATHS": "/a/b:/c d", "OTHER": "text"})
    assert {"/srv/My Clients/Acme", "/a/b", "/c d", str(tmp_path / "birefnet-video")} <= set(here.folders)
    assert here.models == ("acme launch", "broken")
    section = Section("Models", (Finding("acme launch", "note", "not here", "pull acme launch"),))
    (told,) = redacted_sections([section], here)
    assert told.findings == (Finding("your own 1", "note", "not here", "pull your own 1"),)


def test_the_clip_of_the_self_test_is_a_second_with_sound(tmp_path: Path) -> None:
    from birefnet_video.doctor.clip import FRAMES, RATE, write_clip
    from birefnet_video.inputs.probe import probe

    write_clip(tmp_path / "clip.mp4")
    info = probe(tmp_path / "clip.mp4")
    assert (info.frame_count, info.frame_rate, info.audio_tracks) == (FRAMES, Fraction(RATE), 1)
