"""Kernels compiled for GPUs that are not there, by a program of this folder."""

import os
import subprocess
import sys
from pathlib import Path

#: Bytes of shared memory that a block has at most, by compute capability (CUDA C++ Programming Guide, "Technical
#: Specifications per Compute Capability").
SHARED = {75: 64 << 10, 80: 163 << 10, 86: 99 << 10, 90: 227 << 10, 120: 99 << 10}


def shared_bytes(program: str, cache: Path, *arguments: object) -> list[int]:
    """Bytes of shared memory that each kernel takes: the interpreter takes what the compiler does not."""
    command = [sys.executable, "-W", "error", Path(__file__).with_name(program), *map(str, arguments)]
    environment = os.environ | {"TRITON_CACHE_DIR": str(cache)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [int(each) for each in done.stdout.split()]
