"""Which networks can be named with ``-m``, and whether their weights are here."""

from birefnet_video.doctor.finding import Finding, Section
from birefnet_video.errors import CheckpointError
from birefnet_video.zoo.files import find_weights, missing_weights
from birefnet_video.zoo.known import KnownModel, known_models


def look_at_networks() -> Section:
    """The networks that are known by name."""
    try:
        rows = known_models()
    except CheckpointError as error:
        return Section("Models", (Finding("your own", "broken", error.message, error.hint or ""),))
    return Section("Models", tuple(_network(row) for row in rows.values() if not row.by_path))


def _network(row: KnownModel) -> Finding:
    path = find_weights(row)
    if path is None:
        return Finding(row.name, "note", f"not here, {row.amount}", missing_weights(row).hint or "")
    if not path.is_file():
        return Finding(row.name, "broken", f"{path}: no such file", "install the program again")
    return Finding(row.name, "ok", f"{'bundled' if row.is_bundled else 'here'}, {path.stat().st_size / 1e6:.0f} MB")
