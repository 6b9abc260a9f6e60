"""``birefnet-video export``: what is written says what PyTorch says, or is not written."""

from pathlib import Path

import numpy as np
import pytest
import torch
from birefnet_video.model import BiRefNet, load_checkpoint
from birefnet_video.model.deform import DeformableConv2d, MergedDeformableConv2d
from birefnet_video.model.export import export_program, write_onnx
from birefnet_video.model.rewrites.windows import FusedSwin
from birefnet_video.model.swin import SwinBackbone

from birefnet_video.backends import exporting
from birefnet_video.backends.base import BackendInfo
from birefnet_video.backends.exporting import export_network
from birefnet_video.cli import main
from birefnet_video.errors import BackendUnavailable, OutputRefused, VerificationFailed
from birefnet_video.zoo.files import weights_path

SIZE = (64, 96)
INFO = BackendInfo("onnx", "tiny", "cpu", "fp32", SIZE, 1)


@pytest.fixture(scope="module")
def tiny() -> BiRefNet:
    return load_checkpoint(weights_path("tiny"), patch_order="current")


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_onnx_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], tiny: BiRefNet) -> None:
    out = tmp_path / "tiny.onnx"
    assert run("export", "onnx", "--size", "96x64", "--dynamic-batch", "--out", out) == 0
    assert "in the mean" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.onnx"]
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(str(out), providers=["CPUExecutionProvider"])
    for count in (1, 3):
        x = torch.randn(count, 3, *SIZE)
        (found,) = session.run(["output_image"], {"input_image": x.numpy()})
        with torch.no_grad():
            assert np.abs(found - tiny(x).numpy()).max() <= 1e-4
    before = out.read_bytes()
    assert run("export", "onnx", "--size", "96x64", "--out", out) == 73
    assert out.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("openvino", "--precision", "bf16"), 2, "hold fp32 or fp16"),
        (("tensorrt", "--dynamic-batch"), 2, "one batch size"),
        (("onnx", "--out", "net.xml"), 2, "does not end in .onnx"),
        (("onnx", "--size", "100"), 2, "multiple of 32"),
        (("onnx", "--out", "nowhere/net.onnx"), 73, "there is no folder nowhere"),
        (("onnx", "--model", "nonsense"), 3, "no model is called"),
    ],
)
def test_what_cannot_be_is_refused(
    arguments: tuple[str, ...], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("export", *arguments) == code
    assert message in capsys.readouterr().err


@pytest.mark.skipif(torch.cuda.is_available(), reason="for machines without a GPU")
def test_tensorrt_needs_a_gpu(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("export", "tensorrt") == 4
    assert "needs an NVIDIA GPU" in capsys.readouterr().err


def test_other_formats_say_the_same(tmp_path: Path, tiny: BiRefNet) -> None:
    for form, name in (("openvino", "tiny.xml"), ("exported-program", "tiny.pt2")):
        report = export_network(tiny, form, tmp_path / name, INFO, dynamic=False)  # type: ignore[arg-type]
        assert report.mean_error <= 1e-5 and (tmp_path / name).is_file()


class Pieces(torch.nn.Module):
    """What the bundled network does not have: deformable convolutions and shifted windows."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        swin = SwinBackbone(24, (2, 2, 2, 2), (1, 2, 3, 6), 7)
        conv = DeformableConv2d(24, 8, 3)
        torch.nn.init.normal_(conv.offset.weight, 0, 0.1)
        self.swin, self.conv = FusedSwin(swin.eval()), MergedDeformableConv2d(conv, "grid_sample")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(self.swin(x)[0])


def test_files_beside_the_graph_are_not_replaced(tmp_path: Path, tiny: BiRefNet) -> None:
    (tmp_path / "tiny.bin").write_text("of somebody else")
    with pytest.raises(OutputRefused, match=r"tiny\.bin: exists already"):
        export_network(tiny, "openvino", tmp_path / "tiny.xml", INFO, dynamic=False)
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.bin"]
    assert (tmp_path / "tiny.bin").read_text() == "of somebody else"


@pytest.mark.parametrize("dynamic", [False, True])
def test_onnx_of_deformable_convolutions_and_windows_has_standard_operators_only(dynamic: bool, tmp_path: Path) -> None:
    onnx, onnxruntime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    net, x = Pieces().eval(), torch.randn(3 if dynamic else 1, 3, *SIZE)
    write_onnx(export_program(net, SIZE, 1, dynamic_batch=dynamic), tmp_path / "pieces.onnx")
    operators = {(node.domain, node.op_type) for node in onnx.load(tmp_path / "pieces.onnx").graph.node}
    assert ("", "GridSample") in operators and {domain for domain, _ in operators} == {""}
    assert ("", "DeformConv") not in operators
    session = onnxruntime.InferenceSession(str(tmp_path / "pieces.onnx"), providers=["CPUExecutionProvider"])
    (found,) = session.run(["output_image"], {"input_image": x.numpy()})
    with torch.no_grad():
        assert np.abs(found - net(x).numpy()).max() <= 1e-4


def test_what_does_not_agree_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: BiRefNet) -> None:
    wrong = load_checkpoint(weights_path("tiny"), patch_order="current")
    with torch.no_grad():
        next(iter(wrong.parameters())).mul_(3)
    monkeypatch.setattr(exporting, "prepare_network", lambda net, precision, deform: wrong)
    with pytest.raises(VerificationFailed, match="differs from PyTorch's by"):
        export_network(tiny, "exported-program", tmp_path / "tiny.pt2", INFO, dynamic=False)
    assert not list(tmp_path.iterdir())


def test_a_missing_library_names_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: BiRefNet) -> None:
    monkeypatch.setattr("birefnet_video.backends.engine_table.find_spec", lambda name: None)
    for form in ("onnx", "openvino"):
        with pytest.raises(BackendUnavailable, match=rf"birefnet-video\[{form}\]"):
            export_network(tiny, form, tmp_path / "tiny", INFO, dynamic=False)  # type: ignore[arg-type]
