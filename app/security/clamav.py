"""Uploads looked through by ClamAV, over clamd's INSTREAM (docs.clamav.net: clamd protocol)."""

from __future__ import annotations

import logging
import socket
import struct
from dataclasses import dataclass
from typing import BinaryIO, Literal

from app.errors import Problem

log = logging.getLogger(__name__)

Mode = Literal["off", "warn", "require"]
BLOCK = 1 << 16
MOST_REPLY = 4096


class ScanFailed(Exception):
    """The scanner could not say; `reason` for the log and the answer."""


@dataclass(frozen=True)
class ClamAv:
    """A scanner at `address`: `host:port`, or the path of a Unix socket.

    What it finds is refused in any mode but `off`. Where it cannot say, `require` refuses too, `warn` writes it to the
    log and lets the upload through.
    """

    mode: Mode = "off"
    address: str = "127.0.0.1:3310"
    timeout_s: float = 30.0

    def scan(self, file: BinaryIO, name: str) -> None:
        """From the beginning to the end, and back to the beginning. Raises Problem `upload_infected`,
        `upload_not_scanned`."""
        if self.mode == "off":
            return
        try:
            found = self._asked(file)
        except (ScanFailed, OSError) as error:
            reason = str(error)[:200] or type(error).__name__
            log.warning("upload_not_scanned mode=%s reason=%s", self.mode, reason)
            if self.mode == "require":
                raise Problem("upload_not_scanned", reason=reason, headers={"Retry-After": "30"}) from error
            return
        finally:
            file.seek(0)
        if found:
            log.warning("upload_refused signature=%s", found)
            raise Problem("upload_infected", file=name[:80], signature=found[:80])

    def _asked(self, file: BinaryIO) -> str:
        """The name of what was found, or "". Raises ScanFailed, OSError."""
        with self._connected() as connection:
            connection.sendall(b"zINSTREAM\0")
            file.seek(0)
            try:
                while block := file.read(BLOCK):
                    connection.sendall(struct.pack("!I", len(block)) + block)
                connection.sendall(struct.pack("!I", 0))
            except (BrokenPipeError, ConnectionResetError):
                pass  # above its limit it answers and closes: the answer is read below
            return _verdict(_reply(connection))

    def _connected(self) -> socket.socket:
        if "/" in self.address:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.settimeout(self.timeout_s)
            try:
                connection.connect(self.address)
            except OSError:
                connection.close()
                raise
            return connection
        host, _, port = self.address.rpartition(":")
        if not host or not port.isdigit():
            raise ScanFailed(f"clamav_address: {self.address[:80]}")
        return socket.create_connection((host.strip("[]"), int(port)), self.timeout_s)


def _reply(connection: socket.socket) -> str:
    data = b""
    while not data.endswith(b"\0") and len(data) < MOST_REPLY:
        block = connection.recv(MOST_REPLY)
        if not block:
            break
        data += block
    return data.rstrip(b"\0\n").decode("utf-8", "replace")


def _verdict(reply: str) -> str:
    """`stream: OK`, `stream: NAME FOUND`; anything else is no answer."""
    said = reply.partition(": ")[2]
    if said == "OK":
        return ""
    if said.endswith(" FOUND"):
        return said.removesuffix(" FOUND")
    raise ScanFailed(reply[:200] or "no answer")
