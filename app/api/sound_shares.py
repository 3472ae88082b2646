"""Links by which a sound made with a checkpoint is heard without an account, as voices have them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from app.api.bodies import JSON, body_of, documented
from app.api.queries import known_query
from app.api.services import Services, Wired
from app.api.voice_shares import NewShare, links_of, told_of

if TYPE_CHECKING:
    from app.security.share_links import ShareLink

router = APIRouter(prefix="/training/sounds/{filename}/share", tags=["training"], dependencies=[Depends(known_query)])


class SoundShare(BaseModel):
    """`url`: what is given to others; a page draws its QR code."""

    id: str
    filename: str
    url: str
    created_at: str
    expires_at: str


class SoundShares(BaseModel):
    """Links that still lead to the sound, newest first."""

    filename: str
    links: list[SoundShare]


class SoundRevoked(BaseModel):
    filename: str
    revoked: int


@router.get("", summary="Links by which a sound is heard without an account")
def shares(services: Wired, request: Request, filename: str) -> SoundShares:
    services.tuned.sound(filename, services.caller)
    links = links_of(services).live(services.caller, filename)
    return SoundShares(filename=filename, links=[_view(services, request, link) for link in links])


@router.post("", status_code=201, summary="Make such a link", openapi_extra=documented(NewShare, JSON))
def share(
    services: Wired, request: Request, filename: str, body: Annotated[NewShare, Depends(body_of(NewShare, JSON))]
) -> SoundShare:
    """The sound stays for as long as the link. Raises Problem `tuned_sound_missing`."""
    lasts_s = body.expires_in_hours * 3600.0
    services.tuned.keep_longer(filename, lasts_s, services.caller)
    link = links_of(services).add(services.caller, filename, lasts_s)
    services.note("share_made", filename, share_id=link.id, hours=body.expires_in_hours)
    return _view(services, request, link)


@router.delete("", summary="End all links of a sound")
def revoke_all(services: Wired, filename: str) -> SoundRevoked:
    services.tuned.sound(filename, services.caller)
    count = links_of(services).revoke(services.caller, filename)
    services.note("share_ended", filename, share_id=None, links=count)
    return SoundRevoked(filename=filename, revoked=count)


def _view(services: Services, request: Request, link: ShareLink) -> SoundShare:
    return SoundShare(filename=link.leads_to, **told_of(services, request, link))
