"""What tests of live sessions need."""

import socket

import pytest


@pytest.fixture
def free_port() -> int:
    """Of this machine; nobody listens there."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
