"""What a person adds to a voice: tags, a category, and links by which others hear it without an account; and what any
such link leads to."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field, StringConstraints
from starlette.responses import FileResponse, HTMLResponse

from app.api.bodies import JSON, Body, body_of, documented
from app.api.languages import Language
from app.api.queries import known_query
from app.api.services import Services, Wired
from app.api.times import iso
from app.api.voices import Category, find_voice, fitted, sample_file
from app.api.wav_file import WavFile
from app.errors import FieldError, Problem
from app.texts import render

if TYPE_CHECKING:
    from app.security.share_links import ShareLink, ShareLinks

router = APIRouter(tags=["voices"], dependencies=[Depends(known_query)])

MOST_TAGS = 20
Tag = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40)]
PAGE = """<!doctype html>
<html lang="{language}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">
<title>{title}</title></head>
<body><main><h1>{title}</h1><p>{description}</p><audio controls preload="none" src="{source}"></audio>
<p>{ends}</p></main></body>
</html>
"""


class NewLabels(Body):
    """Instead of those that were there; `category` null: none."""

    tags: Annotated[list[Tag], Field(max_length=MOST_TAGS)] = []
    category: Category | None = None


class LabelsView(BaseModel):
    voice_id: str
    tags: list[str]
    category: Category | None


class NewShare(Body):
    expires_in_hours: Annotated[int, Field(ge=1, le=8760)] = 168


class ShareView(BaseModel):
    """`url`: what is given to others; a page draws its QR code."""

    id: str
    voice_id: str
    url: str
    created_at: str
    expires_at: str


class Shares(BaseModel):
    """Links that still lead to the voice, newest first; `url`: the newest one's."""

    voice_id: str
    url: str | None
    links: list[ShareView]


class Revoked(BaseModel):
    voice_id: str
    revoked: int


@router.post(
    "/voices/{voice_id}/tags", summary="Tags and category of a voice", openapi_extra=documented(NewLabels, JSON)
)
def put_tags(
    services: Wired, voice_id: str, body: Annotated[NewLabels, Depends(body_of(NewLabels, JSON))]
) -> LabelsView:
    """One's own words for any voice one may use; others do not see them."""
    from app.storage.voice_labels import Labels, LabelStore

    find_voice(services, voice_id)
    tags = list({tag.casefold(): tag for tag in body.tags}.values())
    if not all(tag.isprintable() for tag in tags):
        raise Problem("invalid_request", errors=[FieldError("tags", "field_invalid", {"reason": "control character"})])
    LabelStore(services.database, services.caller).put(voice_id, Labels(tuple(tags), body.category))
    return LabelsView(voice_id=voice_id, tags=tags, category=body.category)


@router.get("/voices/{voice_id}/share", summary="Links by which a voice is heard without an account")
def shares(services: Wired, request: Request, voice_id: str) -> Shares:
    fitted(services, voice_id)
    links = links_of(services).live(services.caller, voice_id)
    views = [_view(services, request, link) for link in links]
    return Shares(voice_id=voice_id, url=views[0].url if views else None, links=views)


@router.post(
    "/voices/{voice_id}/share", status_code=201, summary="Make such a link", openapi_extra=documented(NewShare, JSON)
)
def share(
    services: Wired, request: Request, voice_id: str, body: Annotated[NewShare, Depends(body_of(NewShare, JSON))]
) -> ShareView:
    """Whoever has it hears a sample of the voice, and no more. Raises Problem `voice_not_fitted` for a stock voice."""
    fitted(services, voice_id)
    link = links_of(services).add(services.caller, voice_id, body.expires_in_hours * 3600.0)
    services.note("share_made", voice_id, share_id=link.id, hours=body.expires_in_hours)
    return _view(services, request, link)


@router.delete("/voices/{voice_id}/share", summary="End all links of a voice")
def revoke_all(services: Wired, voice_id: str) -> Revoked:
    fitted(services, voice_id)
    return _revoked(services, voice_id)


@router.delete("/voices/{voice_id}/share/{share_id}", summary="End one link")
def revoke(services: Wired, voice_id: str, share_id: str) -> Revoked:
    fitted(services, voice_id)
    return _revoked(services, voice_id, share_id)


def _revoked(services: Services, voice_id: str, share_id: str | None = None) -> Revoked:
    count = links_of(services).revoke(services.caller, voice_id, share_id)
    services.note("share_ended", voice_id, share_id=share_id, links=count)
    return Revoked(voice_id=voice_id, revoked=count)


@router.get("/shared/{token}", summary="What a link leads to: a page with a player", response_class=HTMLResponse)
def shared(request: Request, reader: Language, token: str) -> HTMLResponse:
    services, link = _opened(request, token)
    title, description = render("share.sound", reader, {}), ""
    if not link.is_of_sound:
        meta = fitted(services, link.leads_to)
        title, description = meta.title, meta.description
    ends = render("share.ends", reader, {"date": iso(link.expires_at)[:10]})
    told = {"title": title, "description": description, "source": f"/shared/{token}/sample", "ends": ends}
    page = PAGE.format(language=reader, **{name: escape(text) for name, text in told.items()})
    return HTMLResponse(page, headers={"Cache-Control": "no-store"})


@router.get("/shared/{token}/sample", summary="The shared sound, or a sample of the voice: WAV", response_class=WavFile)
def shared_sample(request: Request, token: str) -> FileResponse:
    services, link = _opened(request, token)
    if link.is_of_sound:
        return FileResponse(services.tuned.sound(link.leads_to, services.caller), media_type="audio/wav")
    return FileResponse(sample_file(services, link.leads_to, None)[0], media_type="audio/wav")


def _opened(request: Request, token: str) -> tuple[Services, ShareLink]:
    """The service as whoever made the link sees it. Raises Problem `share_not_found`, `share_over`."""
    services: Services = request.app.state.services
    link = links_of(services).opened(token)
    try:
        seen = services.of(services.identity.caller_of(link.user_id))
        if link.is_of_sound:
            seen.tuned.sound(link.leads_to, seen.caller)
        else:
            fitted(seen, link.leads_to)
    except Problem as problem:  # what was shared, or whoever shared it, is gone
        raise Problem("share_over") from problem
    return seen, link


def links_of(services: Services) -> ShareLinks:
    from app.security.share_links import ShareLinks

    return ShareLinks(services.database, services.identity.secrets.share_key)


def told_of(services: Services, request: Request, link: ShareLink) -> dict[str, str]:
    """What is told of a link, whatever it leads to; `url` is given to others."""
    url = f"{str(request.base_url).rstrip('/')}/shared/{links_of(services).token(link)}"
    return {"id": link.id, "url": url, "created_at": iso(link.created_at), "expires_at": iso(link.expires_at)}


def _view(services: Services, request: Request, link: ShareLink) -> ShareView:
    return ShareView(voice_id=link.leads_to, **told_of(services, request, link))
