"""What the machine does meanwhile, read on a thread of its own."""

import threading
from dataclasses import dataclass

from birefnet_video.lasting import LastingThread

_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Gpu:
    """A graphics processor, as NVML sees it."""

    name: str
    busy: float
    """In [0, 1]."""
    memory_used: int
    memory: int
    celsius: int
    watts: float


@dataclass(frozen=True, slots=True)
class Reading:
    """The machine at one moment."""

    cores: float
    """Processors that the render keeps busy."""
    of_cores: int
    memory: int
    """Bytes that the render holds."""
    gpu: Gpu | None
    gpu_note: str
    """Why there are no figures of a GPU."""
    of_memory: int = 0
    """Bytes that the machine has; 0: nobody knows."""


class Telemetry:
    """Reads on until it is closed."""

    def __init__(self) -> None:
        self.latest: Reading | None = None
        """Never waits."""
        self._pid: int | None = None
        self._closed = threading.Event()
        self.complaint = ""
        """What went wrong last."""
        self._thread = LastingThread("renders: telemetry", self._read_on, self._complain)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def follow(self, pid: int | None) -> None:
        """Read about this process from now on."""
        self._pid = pid

    def close(self) -> None:
        """Read no more."""
        self._closed.set()
        self._thread.close()

    def _complain(self, fault: str) -> None:
        self.complaint = fault

    def _read_on(self) -> None:
        import psutil

        gpus, note = _open_nvml()
        total = psutil.virtual_memory().total
        process: psutil.Process | None = None
        while not self._closed.wait(_EVERY_S):
            pid = self._pid
            try:
                if pid is not None and (process is None or process.pid != pid):
                    process = psutil.Process(pid)
                    # The first call of a process says nothing.
                    process.cpu_percent()
                cores = process.cpu_percent() / 100 if process else 0.0
                memory = process.memory_info().rss if process else 0
            except psutil.Error:
                process, cores, memory = None, 0.0, 0
            self.latest = Reading(cores, psutil.cpu_count() or 1, memory, gpus(pid) if gpus else None, note, total)


def _open_nvml():  # type: ignore[no-untyped-def]  # NVML's package has no types
    """A function that reads the GPU that a process computes on, or ``None`` and the reason."""
    try:
        import pynvml
    except ImportError:
        return None, "CPU mode (figures of a GPU need the extra gpu)"
    try:
        pynvml.nvmlInit()
        cards = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
        names = [str(pynvml.nvmlDeviceGetName(card)) for card in cards]
    except pynvml.NVMLError as error:
        return None, f"CPU mode ({error})"
    if not cards:
        return None, "CPU mode (the driver has no GPU)"

    def computes(pid: int | None, card: object) -> bool:
        return any(process.pid == pid for process in pynvml.nvmlDeviceGetComputeRunningProcesses(card))

    def read(pid: int | None) -> Gpu | None:
        try:
            # The first one where nobody knows: in a container processes have other numbers.
            index = next((index for index, card in enumerate(cards) if len(cards) > 1 and computes(pid, card)), 0)
            handle, name = cards[index], names[index]
            memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
            return Gpu(
                name,
                pynvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100,
                int(memory.used),
                int(memory.total),
                int(pynvml.nvmlDeviceGetTemperature(handle, pynvml.NVML_TEMPERATURE_GPU)),
                pynvml.nvmlDeviceGetPowerUsage(handle) / 1000,
            )
        except pynvml.NVMLError:
            return None

    return read, ""
