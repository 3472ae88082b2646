"""What SillyTavern's provider for TTS WebUI sends beside OpenAI's fields: settings of the Chatterbox engine."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from app.api.bodies import Body
from speech.plan import Plan
from speech.request_checks import MAX_SEED


class WebuiParams(Body):
    """`temperature` and `seed` (-1: any) count where the engine has them; the rest is Chatterbox's own."""

    temperature: Annotated[float | None, Field(ge=0, le=5)] = None
    seed: Annotated[int | None, Field(ge=-1, le=MAX_SEED)] = None
    exaggeration: float | None = None
    cfg_weight: float | None = None
    device: str | None = None
    dtype: str | None = None
    cpu_offload: bool | None = None
    chunked: bool | None = None
    cache_voice: bool | None = None
    desired_length: int | None = None
    max_length: int | None = None
    halve_first_chunk: bool | None = None
    tokens_per_slice: int | None = None
    remove_milliseconds: int | None = None
    remove_milliseconds_start: int | None = None
    chunk_overlap_method: str | None = None

    @property
    def values(self) -> dict[str, float]:
        return {} if self.temperature is None else {"temperature": self.temperature}

    @property
    def seed_asked(self) -> int | None:
        return None if self.seed == -1 else self.seed

    def idle(self, plan: Plan) -> list[str]:
        """What was sent and changes nothing."""
        counting = {*plan.parameters, *(("seed",) if plan.seed is not None else ())}
        return [name for name in self.model_dump(exclude_none=True) if name not in counting]
