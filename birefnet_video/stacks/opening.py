"""Which kind of stack a path is, and whether its mask may be written."""

from pathlib import Path

from birefnet_video.errors import InputMissing, NotAPicture, OutputRefused, UsageError
from birefnet_video.options.stacks import StackReadSpec
from birefnet_video.stacks import dicom_series, nifti, tiff
from birefnet_video.stacks.dicom import DicomStack
from birefnet_video.stacks.folder import FolderStack
from birefnet_video.stacks.stack import Stack


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
    is_nifti = path.is_file() and nifti.suffix_of(path) is not None
    if read.volume is not None and not is_nifti:
        raise UsageError(f"--volume: {path} is no NIfTI file")
    files = dicom_series.dicom_files(path) if path.is_dir() else []
    if read.series is not None and not files:
        raise UsageError(f"--series: {path} is no folder of DICOM")
    if path.is_dir():
        return DicomStack(path, files, read) if files else FolderStack(path, read)
    if is_nifti:
        return nifti.NiftiStack(path, read)
    if path.suffix.lower() in tiff.SUFFIXES:
        return tiff.TiffStack(path, read)
    if dicom_series.is_dicom(path):
        raise NotAPicture(f"{path}: is a single file of DICOM", hint="name the folder that its series lies in")
    raise NotAPicture(
        f"{path}: is no stack that can be read", hint="a .nii, .nii.gz or .tif file, or a folder of slices, is one"
    )


def check_mask(path: Path, stack: Stack, *, overwrite: bool) -> None:
    """
    Raises:
        OutputRefused: if a mask cannot be written there.
    """
    stack.check(path)
    if not path.exists():
        return
    if path.samefile(stack.info.path):
        raise OutputRefused(f"{path}: is the input itself")
    if path.is_dir() != stack.info.path.is_dir() and not (path.is_file() and nifti.suffix_of(path)):
        raise OutputRefused(f"{path}: is a {'folder' if path.is_dir() else 'file'}, as its mask would not be")
    is_empty = path.is_dir() and not any(path.iterdir())
    if not overwrite and not is_empty:
        raise OutputRefused(
            f"{path}: exists", hint="-y replaces files of the same names in it" if path.is_dir() else "-y replaces it"
        )
