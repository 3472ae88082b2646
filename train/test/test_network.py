"""The tests beside this one reach no other machine."""

from __future__ import annotations

import socket

import pytest
from pytest_socket import SocketConnectBlockedError


def test_another_machine_is_not_reached() -> None:
    with socket.socket() as other, pytest.warns(UserWarning, match="192.0.2.1"):
        with pytest.raises(SocketConnectBlockedError):
            other.connect(("192.0.2.1", 80))


def test_this_machine_is() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        with server.accept()[0] as other:
            client.sendall(b"a")
            assert other.recv(1) == b"a"
