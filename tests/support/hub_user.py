"""A user with empty folders, a shell and a hub."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import ready
from hub import COMMIT, Hub

PROGRAM = [sys.executable, "-m", "birefnet_video"]


@dataclass
class Shell:
    """A user with empty folders and a hub."""

    home: Path
    hub: Hub

    def environment(self, **more: str) -> dict[str, str]:
        """Nothing of the machine's own caches and tokens."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        own = {f"XDG_{kind}_HOME": str(self.home / kind.lower()) for kind in ("DATA", "STATE", "CONFIG", "CACHE")}
        return {**kept, **own, "HF_HOME": str(self.home / "hf"), "HF_ENDPOINT": self.hub.url, **more}

    def run(
        self, *arguments: str, limits: Callable[[], None] | None = None, **more: str
    ) -> "subprocess.CompletedProcess[str]":
        # What a download says to a hub depends on what is imported.
        if limits is None and "pull" not in arguments:
            return ready.run(*arguments, folder=self.home, env=self.environment(**more))
        return subprocess.run(
            [*PROGRAM, *arguments],
            cwd=self.home,
            env=self.environment(**more),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            preexec_fn=limits,
        )

    def add_row(self, name: str, served: str | None = None, /, **fields: object) -> None:
        """A row of the user's own for a file of the hub."""
        stem = served or name
        content = self.hub.files[f"test/{stem}/model.safetensors"]
        row = {
            "repository": f"test/{stem}",
            "revision": COMMIT,
            "file": "model.safetensors",
            "bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "trained": "256",
            "licence": "MIT",
            "use": "tests",
            **fields,
        }
        folder = self.home / "data" / "birefnet-video" / "models" / name
        folder.mkdir(parents=True)
        lines = [f"{key} = {json.dumps(value)}\n" for key, value in row.items() if value is not None]
        (folder / "model.toml").write_text("".join(lines))

    def kept(self) -> list[Path]:
        """All that lies in the hub's cache, but locks."""
        return [path for path in (self.home / "hf").rglob("*") if path.is_file() and path.suffix != ".lock"]
