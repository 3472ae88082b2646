"""Signing in: the first account, tokens for programs, a cookie for the page, keys, and the accounts themselves."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field

from app.api.bodies import JSON, URLENCODED, Body, body_of, documented
from app.api.queries import known_query
from app.api.services import Services, Wired
from app.api.times import iso
from app.callers import Role, Scope
from app.errors import Problem
from app.security import tokens
from app.security.identity import COOKIE
from app.security.keys import SESSION_S, asked_scopes
from app.security.limits import SIGN_IN, SIGN_IN_ADDRESS
from app.security.setup import check_setup_token, end_setup

if TYPE_CHECKING:
    from app.security.accounts import User
    from app.security.keys import ApiKey

router = APIRouter(tags=["accounts"], dependencies=[Depends(known_query)])

Name = Annotated[str, Field(min_length=1, max_length=64)]
Password = Annotated[str, Field(min_length=1, max_length=200)]
Quota = Annotated[int | None, Field(ge=0)]


class SetUp(Body):
    token: Annotated[str, Field(min_length=1, max_length=100)]
    name: Name
    password: Password


class SignIn(Body):
    name: Name
    password: Password


class TokenRequest(Body):
    """The OAuth 2 password form (RFC 6749 §4.3), as Swagger's Authorize sends it; or a refresh token. `scope`: what the
    tokens may do, of what the account may, or the refresh token; left out: all of it."""

    grant_type: Literal["password", "refresh_token"] = "password"
    username: str = ""
    password: str = ""
    refresh_token: str = ""
    scope: str = ""
    client_id: str = ""
    client_secret: str = ""


class Tokens(BaseModel):
    access_token: str
    refresh_token: str
    token_type: Literal["bearer"] = "bearer"
    expires_in: int
    scope: str


class UserView(BaseModel):
    id: str
    name: str
    role: Role
    is_disabled: bool
    characters_per_day: int | None
    compute_s_per_day: float | None
    created_at: str
    signed_in_at: str | None


class Me(BaseModel):
    """`has_accounts` false: nobody has an account yet, and whoever sits at this machine may do everything."""

    user_id: str | None
    name: str
    is_admin: bool
    scopes: list[Scope]
    has_accounts: bool


class NewUser(Body):
    name: Name
    password: Password
    role: Role = "maker"


class UserChange(Body):
    password: Password | None = None
    role: Role | None = None
    is_disabled: bool | None = None
    characters_per_day: Quota = None
    compute_s_per_day: Annotated[float | None, Field(ge=0)] = None


class PasswordChange(Body):
    old: Password
    new: Password


class NewKey(Body):
    name: Annotated[str, Field(min_length=1, max_length=100)]
    scopes: Annotated[list[Scope], Field(min_length=1)] = ["read", "speak"]
    expires_in_days: Annotated[int | None, Field(ge=1, le=3650)] = None


class KeyView(BaseModel):
    """`key`: its text, only in the answer to its making."""

    id: str
    name: str
    scopes: list[Scope]
    created_at: str
    expires_at: str | None
    last_used_at: str | None
    revoked_at: str | None
    key: str | None = None


class AuditEntry(BaseModel):
    id: int
    user_id: str
    action: str
    target: str
    data: dict[str, Any]
    created_at: str


@router.post("/auth/setup", status_code=201, summary="Make the first account", openapi_extra=documented(SetUp, JSON))
def set_up(
    services: Wired, request: Request, response: Response, body: Annotated[SetUp, Depends(body_of(SetUp, JSON))]
) -> UserView:
    """By whoever has the link that the first start printed. Raises Problem `already_set_up`, `setup_token_wrong`."""
    if services.identity.accounts.has_any():
        raise Problem("already_set_up")
    check_setup_token(services.settings.data_dir, body.token)
    user = services.identity.accounts.add(body.name, body.password, "admin")
    end_setup(services.settings.data_dir)
    services.note("set_up", user.id)
    _remember(services, request, response, user.id)
    return _user_view(user)


@router.post("/auth/login", summary="Sign in to the page", openapi_extra=documented(SignIn, JSON))
def sign_in(
    services: Wired, request: Request, response: Response, body: Annotated[SignIn, Depends(body_of(SignIn, JSON))]
) -> UserView:
    user = _signed_in(services, request, body.name, body.password)
    _remember(services, request, response, user.id)
    return _user_view(user)


@router.post("/auth/token", summary="Tokens for a program", openapi_extra=documented(TokenRequest, URLENCODED, JSON))
def token(
    services: Wired, request: Request, body: Annotated[TokenRequest, Depends(body_of(TokenRequest, URLENCODED, JSON))]
) -> Tokens:
    """The access token lasts 15 minutes; the refresh token is used once, and its second use ends the session."""
    identity = services.identity
    if body.grant_type == "refresh_token":
        user_id, refresh, scopes = identity.sessions.rotate(body.refresh_token, body.scope)
        user = identity.accounts.get(user_id)
    else:
        user = _signed_in(services, request, body.username, body.password)
        scopes = asked_scopes(body.scope, user.caller().scopes)
        refresh = identity.sessions.start(user.id, "refresh", scopes=scopes)
    signing = identity.secrets.now()
    access = tokens.access_token(user.id, user.version, signing.token_key, signing.token_key_id, scopes=scopes)
    told = " ".join(scopes or user.caller().scopes)
    return Tokens(access_token=access, refresh_token=refresh, expires_in=tokens.ACCESS_S, scope=told)


@router.post("/auth/logout", summary="Sign out of the page", status_code=204)
def sign_out(services: Wired, request: Request) -> Response:
    services.identity.sessions.end(request.cookies.get(COOKIE, ""), "page")
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, path="/")
    return response


@router.get("/auth/me", summary="Who is asking")
def me(services: Wired) -> Me:
    caller = services.caller
    has_accounts = services.identity.accounts.has_any()
    user_id = caller.user_id if caller.scopes else None
    return Me(
        user_id=user_id,
        name=caller.name,
        is_admin=caller.is_admin,
        scopes=list(caller.scopes),
        has_accounts=has_accounts,
    )


@router.post("/auth/password", summary="Change one's password", openapi_extra=documented(PasswordChange, JSON))
def change_password(
    services: Wired,
    request: Request,
    response: Response,
    body: Annotated[PasswordChange, Depends(body_of(PasswordChange, JSON))],
) -> UserView:
    """Every session and token of before ends."""
    caller, identity = services.caller, services.identity
    if not caller.scopes or not identity.accounts.has_any():
        raise Problem("not_signed_in")
    _signed_in(services, request, caller.name, body.old)
    user = identity.accounts.change(caller.user_id, caller, password=body.new)
    identity.sessions.end_all(user.id)
    _remember(services, request, response, user.id)
    return _user_view(user)


@router.get("/users", summary="Accounts")
def users(services: Wired) -> list[UserView]:
    return [_user_view(user) for user in services.identity.accounts.list()]


@router.post("/users", status_code=201, summary="Add an account", openapi_extra=documented(NewUser, JSON))
def add_user(services: Wired, body: Annotated[NewUser, Depends(body_of(NewUser, JSON))]) -> UserView:
    return _user_view(services.identity.accounts.add(body.name, body.password, body.role, services.caller))


@router.patch("/users/{user_id}", summary="Change an account", openapi_extra=documented(UserChange, JSON))
def change_user(
    services: Wired, user_id: str, body: Annotated[UserChange, Depends(body_of(UserChange, JSON))]
) -> UserView:
    changes = {name: getattr(body, name) for name in body.model_fields_set}
    user = services.identity.accounts.change(user_id, services.caller, **changes)
    if {"password", "is_disabled", "role"} & set(changes):
        services.identity.sessions.end_all(user_id)
    return _user_view(user)


@router.get("/api-keys", summary="One's API keys")
def keys(services: Wired) -> list[KeyView]:
    return [_key_view(key) for key in services.identity.keys.list(services.caller)]


@router.post("/api-keys", status_code=201, summary="Make an API key", openapi_extra=documented(NewKey, JSON))
def add_key(services: Wired, body: Annotated[NewKey, Depends(body_of(NewKey, JSON))]) -> KeyView:
    """Its text is in this answer and never again. Raises Problem `accounts_needed`, `scope_not_held`,
    `key_life_too_long`."""
    if not services.identity.accounts.has_any():
        raise Problem("accounts_needed")
    expires_at = None if body.expires_in_days is None else time.time() + body.expires_in_days * 86400
    key, text = services.identity.keys.add(services.caller, body.name, body.scopes, expires_at)
    return _key_view(key).model_copy(update={"key": text})


@router.delete("/api-keys/{key_id}", summary="Revoke an API key")
def revoke_key(services: Wired, key_id: str) -> KeyView:
    return _key_view(services.identity.keys.revoke(services.caller, key_id))


@router.get("/audit", summary="What was done, newest first")
def audit(
    services: Wired, limit: Annotated[int, Query(ge=1, le=1000)] = 100, before: int | None = None
) -> list[AuditEntry]:
    from app.security.accounts import audit as entries

    rows = entries(services.database, limit, before)
    return [AuditEntry(**{**row, "created_at": iso(row["created_at"])}) for row in rows]


def _signed_in(services: Services, request: Request, name: str, password: str) -> User:
    """Raises Problem `sign_in_failed`, `too_many_requests` before anything is hashed."""
    address = request.client.host if request.client else "-"
    services.limits.hit(SIGN_IN, f"{address}:{name.casefold()}")
    services.limits.hit(SIGN_IN_ADDRESS, address)
    return services.identity.accounts.signed_in(name, password)


def _remember(services: Services, request: Request, response: Response, user_id: str) -> None:
    text = services.identity.sessions.start(user_id, "page")
    is_secure = request.url.scheme == "https"
    response.set_cookie(
        COOKIE, text, max_age=int(SESSION_S), path="/", httponly=True, samesite="strict", secure=is_secure
    )


def _user_view(user: User) -> UserView:
    times = {"created_at": iso(user.created_at), "signed_in_at": iso(user.signed_in_at)}
    return UserView.model_validate({**asdict(user), **times})


def _key_view(key: ApiKey) -> KeyView:
    times = {name: iso(getattr(key, name)) for name in ("created_at", "expires_at", "last_used_at", "revoked_at")}
    return KeyView.model_validate({**asdict(key), **times})
