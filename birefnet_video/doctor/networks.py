"""Which networks can be named with ``-m``, and whether their weights are here."""

from birefnet_video.doctor.finding import Finding, Section
from birefnet_video.zoo.files import find_weights, missing_weights
from birefnet_video.zoo.known import KnownModel, broken_rows, known_models


def look_at_networks() -> Section:
    """The networks that are known by name."""
    known = (_network(row) for row in known_models().values() if not row.by_path)
    broken = (Finding(name, "broken", error.message, error.hint or "") for name, error in broken_rows().items())
    return Section("Models", (*known, *broken))


def _network(row: KnownModel) -> Finding:
    path = find_weights(row)
    if path is None:
        return Finding(row.name, "note", f"not here, {row.amount}", missing_weights(row).hint or "")
    if not path.is_file():
        return Finding(row.name, "broken", f"{path}: no such file", "install the program again")
    return Finding(row.name, "ok", f"{'bundled' if row.is_bundled else 'here'}, {path.stat().st_size / 1e6:.0f} MB")
