"""Short access tokens (JWT, RFC 7519) and the opaque secrets that live longer: kept as SHA-256, compared in constant
time."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any

from app.errors import Problem

ACCESS_S = 15 * 60
AUDIENCE = "papagaio"
LEEWAY_S = 60  # that a key is taken beyond the life of its last token
ALGORITHM = "HS256"
API_KEY_PREFIX = "pg"
REFRESH_PREFIX = "rt"
SESSION_PREFIX = "ws"


def access_token(
    user_id: str, version: int, key: str, key_id: str, now: float | None = None, scopes: Sequence[str] = ()
) -> str:
    """`key_id`: under which `key` is found again. `version`: of the account; tokens of an older one are refused
    (a new password, a new role). `scopes`: of the account's, those that it may use; (): all."""
    import jwt

    issued = int(time.time() if now is None else now)
    claims: dict[str, Any] = {"sub": user_id, "ver": version, "aud": AUDIENCE, "iat": issued, "exp": issued + ACCESS_S}
    claims |= {"scope": " ".join(scopes)} if scopes else {}
    return jwt.encode(claims | {"jti": secrets.token_hex(8)}, key, ALGORITHM, headers={"kid": key_id})


def read_access_token(token: str, keys: Mapping[str, str]) -> dict[str, Any]:
    """Its claims; `keys` by their ids. Raises Problem `token_expired`, `token_invalid`."""
    import jwt

    try:
        key = keys.get(str(jwt.get_unverified_header(token).get("kid")))
        if key is None:
            raise Problem("token_invalid")
        required = ["exp", "aud", "sub", "jti", "ver"]
        return jwt.decode(token, key, [ALGORITHM], audience=AUDIENCE, options={"require": required})
    except jwt.ExpiredSignatureError as error:
        raise Problem("token_expired") from error
    except jwt.InvalidTokenError as error:
        raise Problem("token_invalid") from error


def new_secret(prefix: str, scopes: Sequence[str] = ()) -> tuple[str, str, str]:
    """An id, the whole text that its owner gets once (`prefix_id_secret`), and what is stored of it. `scopes` are a
    part of the secret, so that nobody can add one."""
    public, private = secrets.token_hex(6), ".".join([secrets.token_urlsafe(32), *scopes])
    return public, f"{prefix}_{public}_{private}", digest(private)


def parts(text: str, prefix: str) -> tuple[str, str]:
    """The id and the secret. Raises Problem `token_invalid`."""
    found, _, rest = text.partition("_")
    public, _, private = rest.partition("_")
    if found != prefix or not public or not private:
        raise Problem("token_invalid")
    return public, private


def scopes_in(private: str) -> tuple[str, ...]:
    """The scopes that a secret was made with; (): all of its owner's."""
    return tuple(private.split(".")[1:])


def digest(private: str) -> str:
    return hashlib.sha256(private.encode()).hexdigest()


def is_same(private: str, stored: str) -> bool:
    return hmac.compare_digest(digest(private), stored)
