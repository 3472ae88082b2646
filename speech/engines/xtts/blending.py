"""Voices of XTTS mixed into one: the GPT hears the prosody's mean, the decoder the timbre's.

A voice file keeps the recipe and what is needed to follow it on any checkpoint: the names of studio speakers, and the
references of cloned voices. One utterance has one prefix, so a mixture does not change within it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from speech.engines.blend import METHODS, Blend, BlendPoint, check_blend, mixed
from speech.engines.xtts.record import ENGINE, MODEL
from speech.engines.xtts.voices import check_reference, clips_of, heard_of, is_stock
from speech.engines.xtts.voices import tensors_of as tensors_of_clips
from speech.errors import SpeechError
from speech.models import ModelStore
from speech.voice_files import read_tensors
from speech.voice_folder import VoiceFolder

if TYPE_CHECKING:
    from speech.engines.xtts.checkpoint import Latents

RECIPE = "recipe"
MOST_RECIPE_BYTES = 1 << 16
Reference = dict[str, NDArray]


@dataclass(frozen=True)
class Recipe:
    """`sources`: the id of a studio speaker, or "" for the next of the references."""

    sources: tuple[str, ...]
    timbre: tuple[float, ...]
    prosody: tuple[float, ...]
    method: str

    @property
    def point(self) -> BlendPoint:
        """By number of the source."""
        numbers = [str(number) for number in range(len(self.sources))]
        timbre, prosody = (dict(zip(numbers, shares, strict=True)) for shares in (self.timbre, self.prosody))
        return BlendPoint(timbre, prosody)


def tensors_of(blend: Blend, store: ModelStore, folder: VoiceFolder) -> dict[str, Any]:
    """What a voice file keeps of `blend`, of one point: `tensors`, and the `base_model` and `base_sha256` they fit.

    Raises SpeechError `unknown_voice`, `morph_of_blends`.
    """
    point, sources = blend.points[0], blend.voices
    references = [reference_of(folder, voice_id) for voice_id in sources if not is_stock(voice_id)]
    recipe: dict[str, Any] = {
        "sources": [voice_id if is_stock(voice_id) else "" for voice_id in sources],
        "timbre": [point.timbre.get(voice_id, 0.0) for voice_id in sources],
        "prosody": [point.prosody.get(voice_id, 0.0) for voice_id in sources],
        "method": blend.method,
    }
    empty: Reference = {"reference": np.zeros(0, np.float16), "clip_samples": np.zeros(0, np.int32)}
    parts: list[Reference] = [empty, *references]
    tensors = {name: np.concatenate([one[name] for one in parts]) for name in empty}
    recipe["clips"] = [len(one["clip_samples"]) for one in references]
    tensors[RECIPE] = np.frombuffer(json.dumps(recipe).encode(), np.uint8)
    return {"tensors": tensors, "base_model": MODEL, "base_sha256": ""}


def reference_of(folder: VoiceFolder, voice_id: str) -> Reference:
    """What the network hears of a voice of the library. Raises SpeechError `unknown_voice`, `morph_of_blends`."""
    parts = folder.parts(voice_id)
    if ENGINE not in parts:
        return tensors_of_clips(heard_of([clip.audio for clip in folder.clips(voice_id)]))
    tensors = read_tensors(parts[ENGINE])
    if RECIPE in tensors:
        raise SpeechError("morph_of_blends", voice=voice_id, engine=ENGINE)
    return tensors


def opened(tensors: Mapping[str, NDArray]) -> tuple[Recipe, list[Reference]]:
    """The recipe, and a reference for each source that is no studio speaker.

    Raises SpeechError `voice_tensor_unknown`, `voice_tensor_shape`, `voice_tensor_values`, and what `check_reference`
    and `check_blend` raise.
    """
    for name in sorted({RECIPE, "reference", "clip_samples"} ^ {*tensors}):
        raise SpeechError("voice_tensor_unknown", name=name)
    data = tensors[RECIPE]
    if data.dtype != np.uint8 or data.ndim != 1 or len(data) > MOST_RECIPE_BYTES:
        raise SpeechError("voice_tensor_shape", name=RECIPE, found=list(data.shape), wanted="[n]")
    try:
        recipe, counts = _read(json.loads(data.tobytes()))
    except (ValueError, TypeError, KeyError) as error:
        raise SpeechError("voice_tensor_values", name=RECIPE, maximum=str(error)[:80]) from error
    check_blend(Blend((recipe.point,), recipe.method))
    return recipe, _references(tensors, counts)


def check(tensors: Mapping[str, NDArray]) -> None:
    """Whether this is a recipe that can be followed. Raises SpeechError as `opened`."""
    for reference in opened(tensors)[1]:
        check_reference(reference)


def mixed_latents(sources: Mapping[str, Latents], point: BlendPoint, method: str) -> Latents:
    """A weight of 1 gives the source's own latents."""
    import torch

    from speech.engines.xtts.checkpoint import Latents

    gpt = mixed([(weight, sources[name].gpt.numpy()) for name, weight in point.prosody.items()], method)
    speaker = mixed([(weight, sources[name].speaker.numpy()[..., 0]) for name, weight in point.timbre.items()], method)
    return Latents(torch.from_numpy(gpt), torch.from_numpy(speaker)[..., None])


def latents_of(
    tensors: Mapping[str, NDArray],
    studio: Mapping[str, Latents],
    heard: Callable[[list[NDArray[np.float32]]], Latents],
) -> Latents:
    """Of a voice that is a recipe. `studio` has those of studio speakers, by id of the voice; `heard` makes those of
    clips. Raises SpeechError `unknown_voice` where the checkpoint has no such speaker, and what `opened` raises."""
    recipe, references = opened(tensors)
    left, found = iter(references), []
    for source in recipe.sources:
        if source and source not in studio:
            raise SpeechError("unknown_voice", voice=source, engine=ENGINE, choices=list(studio))
        found.append(studio[source] if source else heard(clips_of(next(left))))
    return mixed_latents({str(number): one for number, one in enumerate(found)}, recipe.point, recipe.method)


def _read(document: Any) -> tuple[Recipe, list[int]]:
    if not isinstance(document, dict) or {*document} != {"sources", "timbre", "prosody", "method", "clips"}:
        raise ValueError("no recipe")
    sources, counts = document["sources"], document["clips"]
    if not all(isinstance(one, str) and (not one or is_stock(one)) for one in sources):
        raise ValueError("sources")
    if document["method"] not in METHODS or not all(isinstance(one, int) and one > 0 for one in counts):
        raise ValueError("method or clips")
    if len(counts) != list(sources).count(""):
        raise ValueError("clips are not those of the sources")
    timbre, prosody = (tuple(float(weight) for weight in document[name]) for name in ("timbre", "prosody"))
    if not len(sources) == len(timbre) == len(prosody):
        raise ValueError("as many weights as sources")
    return Recipe(tuple(sources), timbre, prosody, document["method"]), counts


def _references(tensors: Mapping[str, NDArray], counts: Sequence[int]) -> list[Reference]:
    lengths, reference = tensors["clip_samples"], tensors["reference"]
    if lengths.ndim != 1 or reference.ndim != 1 or lengths.dtype.kind != "i" or (len(lengths) and lengths.min() < 1):
        raise SpeechError("voice_tensor_shape", name="clip_samples", found=list(lengths.shape), wanted="[n]")
    if sum(counts) != len(lengths) or int(lengths.sum()) != len(reference):
        raise SpeechError("voice_tensor_shape", name="clip_samples", found=list(lengths.shape), wanted=[sum(counts)])
    found, clip, sample = [], 0, 0
    for count in counts:
        own = lengths[clip : clip + count]
        size = int(own.sum())
        found.append({"reference": reference[sample : sample + size], "clip_samples": own})
        clip, sample = clip + count, sample + size
    return found
