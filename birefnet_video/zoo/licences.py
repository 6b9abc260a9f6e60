"""Licences that forbid what people may want to do with results are shown once."""

from birefnet_video.errors import BirefnetVideoError
from birefnet_video.folders import state_folder
from birefnet_video.zoo.known import KnownModel


def licence_to_show(row: KnownModel | None) -> str | None:
    """What a user must know of a network's licence, the first time that it is loaded; ``None`` later, or if nothing."""
    if row is None or row.sale != "no":
        return None
    text = f"{row.name}: its licence is {row.licence}: what it makes is not for sale (huggingface.co/{row.repository})"
    try:
        shown = state_folder() / "licences-shown" / row.name
        if shown.exists():
            return None
        shown.parent.mkdir(parents=True, exist_ok=True)
        shown.touch()
    except (BirefnetVideoError, OSError):
        # Where nothing can be remembered it is shown each time.
        pass
    return text
