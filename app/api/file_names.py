"""Names of the files that are sent: what a client may ask for, and how a header carries it."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, Query

from app.errors import Problem

MOST = 80  # characters
FORBIDDEN = frozenset('/\\:*?"<>|')  # what some system keeps out of names


def _asked_name(name: Annotated[str | None, Query(description="of the file, without its ending")] = None) -> str | None:
    """Raises Problem `file_name_unfit`."""
    if name is None:
        return None
    is_plain = name.isprintable() and not FORBIDDEN & set(name)
    if not is_plain or not 0 < len(name) <= MOST or name != name.strip(" ."):
        raise Problem("file_name_unfit", name=name[:MOST], maximum=MOST, forbidden=" ".join(sorted(FORBIDDEN)))
    return name


AskedName = Annotated[str | None, Depends(_asked_name)]


def attachment(filename: str) -> str:
    """The value of Content-Disposition: ASCII for old clients, then UTF-8 where it is needed (RFC 6266, RFC 5987)."""
    escaped = quote(filename, safe="")
    if escaped == filename:
        return f'attachment; filename="{filename}"'
    plain = "".join(sign if sign.isascii() and sign not in '%"\\' else "_" for sign in filename)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{escaped}"
