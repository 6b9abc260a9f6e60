"""The CUDA kernel of window attention, in the interpreter and compiled for GPUs that are not there."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from for_gpus import SHARED, shared_bytes

SUPPORT = Path(__file__).parents[1] / "support"


@pytest.mark.skipif(find_spec("triton") is None, reason="no Triton on this system")
def test_the_cuda_kernel_in_the_interpreter() -> None:
    environment = os.environ | {"TRITON_INTERPRET": "1"}
    command = [sys.executable, SUPPORT / "interpreted_windows.py"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("torch.float32") == 6 and "torch.float16" in done.stdout


@pytest.mark.skipif(find_spec("triton") is None, reason="no Triton on this system")
@pytest.mark.parametrize(
    ("capability", "dtype", "window"),
    [(75, "fp16", 7), (86, "fp32", 12), (90, "bf16", 12), (120, "fp16", 7)],
)
def test_the_cuda_kernel_is_compiled_for_gpus_and_fits(
    capability: int, dtype: str, window: int, tmp_path: Path
) -> None:
    (shared,) = shared_bytes("compiled_windows.py", tmp_path, capability, dtype, window)
    assert 0 < shared <= SHARED[capability]


@pytest.mark.skipif(find_spec("triton") is None, reason="no Triton on this system")
def test_heads_that_matrix_units_do_not_take_are_refused() -> None:
    from birefnet_video.model.window_triton import window_attention

    with pytest.raises(ValueError, match="a head has 24 channels"):
        window_attention(torch.zeros(1, 7, 7, 72), None, torch.zeros(1, 169), (7, 7), (0, 0))


@pytest.mark.skipif(find_spec("triton") is None, reason="no Triton on this system")
def test_blocks_waste_little_and_fit_into_registers() -> None:
    from birefnet_video.model.window_triton import block_of

    assert block_of(49, torch.float16, (8, 9)) == 64
    assert block_of(49, torch.float16, (7, 5)) == block_of(49, torch.float32, (9, 0)) == 32
    assert block_of(144, torch.float16, (9, 0)) == 32
    assert block_of(16, torch.float16, (9, 0)) == 16
