"""What the operators of one thread use: cores, and on a GPU a stream."""

import threading

import torch


def use_one_core() -> None:
    """Let torch's operators on the CPU use this thread alone, whatever other threads do.

    Small operators gain nothing from more, and where cores are taken already they wait for each other and burn time.
    Other threads keep their number only if they have used torch before or begin after this has returned.
    """
    others = torch.get_num_threads()
    if others == 1:
        return
    torch.set_num_threads(1)
    # That call also sets what later threads begin with; another thread sets it back.
    restore = threading.Thread(target=torch.set_num_threads, args=(others,))
    restore.start()
    restore.join()


def use_own_stream(device: str) -> None:
    """Let this thread's operators on ``device``, if that is a CUDA GPU, wait for nobody else's.

    Only for threads whose tensors no other thread uses.
    """
    if device.startswith("cuda"):
        torch.cuda.set_stream(torch.cuda.Stream(device))
