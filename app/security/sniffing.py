"""What a file is by its first bytes, whatever it is called: recordings that are plainly something else are refused
before anything is kept. Whether it is sound is found by decoding it, later and in a process of its own."""

from __future__ import annotations

HEAD_BYTES = 512
# Beginnings of what is no recording.
OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"MZ", "Windows program"),
    (b"\x7fELF", "Linux program"),
    (b"\xca\xfe\xba\xbe", "Java class or macOS program"),
    (b"\xcf\xfa\xed\xfe", "macOS program"),
    (b"#!/", "script"),
    (b"PK\x03\x04", "ZIP"),
    (b"PK\x05\x06", "ZIP"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
    (b"Rar!\x1a\x07", "RAR"),
    (b"\x1f\x8b", "gzip"),
    (b"%PDF-", "PDF"),
    (b"\x89PNG\r\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF8", "GIF"),
    (b"SQLite format 3\0", "SQLite"),
    (b"\x80\x02", "Python pickle"),
    (b"\x80\x04", "Python pickle"),
)
MARKUP = (b"<!doctype", b"<html", b"<?xml", b"<svg", b"<script", b"<?php")


def other_than_sound(head: bytes) -> str | None:
    """What it plainly is instead; None for what may be sound."""
    for beginning, name in OTHERS:
        if head.startswith(beginning):
            return name
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return "HTML, XML or script" if text.startswith(MARKUP) else None
