"""Which kind of stack a path is, and what its mask is called."""

from pathlib import Path

from birefnet_video.errors import InputMissing, NotAPicture, OutputRefused
from birefnet_video.options.stacks import StackReadSpec
from birefnet_video.stacks import nifti
from birefnet_video.stacks.stack import Stack, StackInfo


def open_stack(path: Path, read: StackReadSpec) -> Stack:
    """
    Args:
        path: of a file or a folder.
        read: what is taken of it.

    Raises:
        BirefnetVideoError: if it is no stack, or it is not clear what is meant.
    """
    if not path.exists():
        raise InputMissing(f"{path}: no such file or folder")
    if nifti.suffix_of(path) is not None and path.is_file():
        return nifti.NiftiStack(path, read.volume)
    raise NotAPicture(f"{path}: is no stack that can be read", hint="a .nii or .nii.gz file is one")


def mask_beside(info: StackInfo) -> Path:
    """The name of a mask that was not given one: ``NAME.mask`` beside the input."""
    suffix = nifti.suffix_of(info.path) or info.path.suffix
    return info.path.with_name(f"{info.path.name.removesuffix(suffix)}.mask{suffix}")


def check_mask(path: Path, info: StackInfo, *, overwrite: bool) -> None:
    """
    Raises:
        OutputRefused: if a mask cannot have this name.
    """
    if nifti.suffix_of(path) is None:
        raise OutputRefused(f"{path}: a mask has its stack's format", hint=f"use {' or '.join(nifti.SUFFIXES)}")
    if path.exists() and path.samefile(info.path):
        raise OutputRefused(f"{path}: is the input itself")
    if path.is_dir():
        raise OutputRefused(f"{path}: is a folder")
    if path.exists() and not overwrite:
        raise OutputRefused(f"{path}: exists", hint="-y replaces it")
