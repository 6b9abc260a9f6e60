"""When garbage is looked for: not while the interface starts, where all that is made stays."""

import gc


def stop_looking() -> None:
    """From the start on: a sixth of its time went into looking through modules and widgets."""
    gc.disable()


def look_again() -> None:
    """Once it stands; what is there by then is never looked through again."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
