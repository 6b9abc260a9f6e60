"""The networks known by name: what each is, where its weights come from and where they lie."""

import os

# Documented, and read when the hub's library is imported: it would send along what else is installed here.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
