"""The only list of engines and converters: a record each; their classes are imported on first use.

What an operator adds comes by "module:name" of a record, or of an engine's class, whose `info` is all that is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from speech.engines.base import Engine, EngineOptions, VoiceConverter
from speech.engines.blend import Blend, check_blend
from speech.engines.f5.record import RECORD as F5TTS
from speech.engines.kokoro.record import CONVERTER as KOKORO_CONVERTER
from speech.engines.kokoro.record import RECORD as KOKORO
from speech.engines.pocket.record import RECORD as POCKET
from speech.engines.records import ConverterRecord, EngineRecord, Installation
from speech.engines.rvc.record import RECORD as RVC
from speech.engines.xtts.record import RECORD as XTTS
from speech.errors import SpeechError

if TYPE_CHECKING:
    from speech.models import ModelStore
    from speech.voice_folder import VoiceFolder

ENGINES: tuple[EngineRecord, ...] = (KOKORO, XTTS, F5TTS, POCKET)
CONVERTERS: tuple[ConverterRecord, ...] = (KOKORO_CONVERTER, RVC)


class Registry:
    """The records of this version and those of `more`, by name; one of `more` stands before one of ours.

    `engines` and `converters` are those that are built, `announced` the engines that are a word of the API alone.
    """

    def __init__(self, more: Mapping[str, str] | None = None) -> None:
        engines = {record.name: record for record in ENGINES}
        converters = {record.name: record for record in CONVERTERS}
        for name, target in (more or {}).items():
            found = _named(target)
            if isinstance(found, ConverterRecord):
                converters[name] = found
            else:
                engines[name] = found if isinstance(found, EngineRecord) else _of_class(found, target)
        self.engines: Mapping[str, EngineRecord] = {n: record for n, record in engines.items() if record.target}
        self.announced: Mapping[str, EngineRecord] = {n: record for n, record in engines.items() if not record.target}
        self.converters: Mapping[str, ConverterRecord] = converters

    def engine(self, name: str) -> EngineRecord:
        """Raises SpeechError `engine_not_built` for an announced one, else `unknown_engine`, with the choices."""
        if name not in self.engines:
            raise self.refusal(name, list(self.engines))
        return self.engines[name]

    def converter(self, name: str) -> ConverterRecord:
        """Raises SpeechError `unknown_converter` with the choices."""
        if name not in self.converters:
            raise SpeechError("unknown_converter", converter=name, choices=list(self.converters))
        return self.converters[name]

    def of_source(self, *sources: str) -> list[str]:
        """Engines whose voices come by one of `sources`."""
        return [name for name, record in self.engines.items() if record.voice_source in sources]

    def refusal(self, name: str, choices: Sequence[str]) -> SpeechError:
        """Why there is no engine `name` among `choices`."""
        code = "engine_not_built" if name in self.announced else "unknown_engine"
        return SpeechError(code, engine=name, choices=choices)

    def export(self, engine: str, library: VoiceFolder, voice_id: str, store: ModelStore, folder: Path) -> list[Path]:
        """Write what `engine` made of a voice for other programs. Raises SpeechError `voice_not_exportable`."""
        exporter = self.engine(engine).exporter
        if not exporter:
            choices = [name for name, record in self.engines.items() if record.exporter]
            raise SpeechError("voice_not_exportable", voice=voice_id, engine=engine, choices=choices)
        return list(_named(exporter)(library, voice_id, store, folder))

    def blended(self, engine: str, blend: Blend, store: ModelStore, library: VoiceFolder) -> Mapping[str, Any]:
        """`tensors`, `base_model` and `base_sha256` of a voice that is a blend. Raises SpeechError as `check_blend`."""
        self.check_blend(engine, blend, is_kept=True)
        made: Mapping[str, Any] = _named(self.engine(engine).blender)(blend, store, library)
        return made

    def check_blend(self, engine: str, blend: Blend, is_kept: bool = False) -> None:
        """Whether `engine` can speak a blend, and a voice can be made of it.

        Raises SpeechError `engine_cannot_blend`, `morph_path_not_offered`, `morph_path_not_kept`, and what
        `blend.check_blend` raises.
        """
        record = self.engine(engine)
        if not record.blender:
            choices = [name for name, one in self.engines.items() if one.blender]
            raise SpeechError("engine_cannot_blend", engine=record.info.title, choices=choices)
        check_blend(blend)
        if blend.is_path and not record.info.can_glide:
            choices = [name for name, one in self.engines.items() if one.info.can_glide]
            raise SpeechError("morph_path_not_offered", engine=record.info.title, choices=choices)
        if blend.is_path and is_kept:
            raise SpeechError("morph_path_not_kept")

    def build_engine(self, name: str, options: EngineOptions) -> Engine:
        """A new, unloaded engine. Raises what `engine` raises."""
        return cast(Engine, _named(self.engine(name).target)(options))

    def build_converter(self, name: str, options: EngineOptions) -> VoiceConverter:
        """A new, unloaded converter. Raises what `converter` raises."""
        return cast(VoiceConverter, _named(self.converter(name).target)(options))


def _named(target: str) -> Any:
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)


def _of_class(engine: Any, target: str) -> EngineRecord:
    weights = {"": engine.info.models} if engine.info.models else {}
    return EngineRecord(engine.info, target, Installation(weights=weights))
