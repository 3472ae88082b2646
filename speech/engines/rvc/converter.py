"""The converter into voices of RVC models. PyTorch comes with the first model, not with the list of them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from speech.audio import Audio, resample
from speech.dsp import limit_peak
from speech.engines.base import Conversion, ConversionRequest, EngineOptions, Progress, Value
from speech.engines.rvc.index import open_index_copy
from speech.engines.rvc.library import INDEX, MODEL, RvcLibrary
from speech.engines.rvc.record import CONTENT_FILE, CONTENT_MODEL, RECORD
from speech.errors import SpeechError
from speech.voices import Voice

if TYPE_CHECKING:
    from speech.engines.f0.methods import Estimate
    from speech.engines.rvc.contentvec import ContentVec
    from speech.engines.rvc.conversion import Conversion as OneConversion
    from speech.engines.rvc.conversion import RvcVoice

DEFAULTS: dict[str, Value] = {parameter.name: parameter.default for parameter in RECORD.info.parameters}
HELD = 2  # voices that stay in memory


class RvcConverter:
    """A VoiceConverter whose voices are the models below `EngineOptions.checkpoint_dir`."""

    info = RECORD.info

    def __init__(self, options: EngineOptions) -> None:
        self._options = options
        self._library = RvcLibrary(options.checkpoint_dir) if options.checkpoint_dir else None
        self._content: ContentVec | None = None
        self._device = "cpu"
        self._voices: dict[tuple[str, float], RvcVoice] = {}
        self._estimators: dict[tuple[str, int], Estimate] = {}
        self._lock = threading.Lock()

    def check(self) -> None:
        RECORD.install.check_packages(self.info.title)
        self._options.store.path(CONTENT_MODEL)

    def needed_bytes(self) -> int:
        return 2 * (self._options.store.path(CONTENT_MODEL) / CONTENT_FILE).stat().st_size  # widened to float32

    def load(self, device: str) -> None:
        """Raises SpeechError as `check` and `load_contentvec` do."""
        from speech.engines.rvc.contentvec import load_contentvec

        self.check()
        self._content = load_contentvec(self._options.store.path(CONTENT_MODEL) / CONTENT_FILE, device)
        self._device = device

    def unload(self) -> None:
        self._content = None
        self._voices.clear()
        self._estimators.clear()

    def memory_bytes(self) -> int:
        content = self._content.parameters() if self._content else ()
        own: int = sum(tensor.numel() * tensor.element_size() for tensor in content)
        return own + sum(voice.size_bytes for voice in list(self._voices.values()))

    def voices(self) -> tuple[Voice, ...]:
        return self._library.voices() if self._library else ()

    def convert(self, audio: Audio, request: ConversionRequest, progress: Progress) -> Conversion:
        """As long as `audio`. Raises SpeechError `nothing_to_convert` for an empty recording, `engine_not_loaded`,
        `unknown_voice`, `f0_method_missing`, `model_missing`, and `checkpoint_*` of a voice whose files were changed.
        """
        from speech.engines.rvc.conversion import SAMPLE_RATE

        if not len(audio.samples):
            raise SpeechError("nothing_to_convert")
        conversion, voice = self._conversion(request)
        sound = resample(audio, SAMPLE_RATE)
        rate, done = voice.config.sample_rate, 0
        pieces = []
        for piece in conversion.stream(sound.samples):
            pieces.append(piece)
            done += len(piece)
            progress(min(done, len(sound.samples) * rate // SAMPLE_RATE), len(sound.samples) * rate // SAMPLE_RATE)
        made = resample(Audio(np.concatenate(pieces), rate), self.info.sample_rate)
        wanted = round(len(audio.samples) * self.info.sample_rate / audio.sample_rate)
        samples = np.pad(made.samples[:wanted], (0, max(0, wanted - len(made.samples))))
        pitch = float(_given(request, "pitch")) if voice.config.has_f0 else 0.0
        return Conversion(limit_peak(Audio(samples, self.info.sample_rate)), pitch, conversion.voiced_s)

    def _conversion(self, request: ConversionRequest) -> tuple[OneConversion, RvcVoice]:
        from speech.engines.rvc.conversion import Conversion as OneConversion
        from speech.engines.rvc.conversion import RvcOptions

        if self._content is None:
            raise SpeechError("engine_not_loaded", engine=self.info.name)
        voice = self._voice(request.voice.voice_id)
        estimate = None
        if voice.config.has_f0:
            method, radius = str(_given(request, "f0_method")), int(_given(request, "filter_radius"))
            estimate = self._estimator(method, radius)
        names = ("pitch", "index_rate", "rms_mix_rate", "protect")
        pitch, index_rate, rms_mix_rate, protect = (float(_given(request, name)) for name in names)
        options = RvcOptions(pitch, index_rate, rms_mix_rate, protect)
        return OneConversion(self._content, voice, estimate, options), voice

    def _voice(self, voice_id: str) -> RvcVoice:
        """The one used last stays longest."""
        from speech.engines.rvc.conversion import RvcVoice
        from speech.engines.rvc.model_file import open_copy

        if self._library is None:
            raise SpeechError("unknown_voice", voice=voice_id[:80], choices=[])
        folder = self._library.folder(voice_id)
        key = (voice_id, (folder / MODEL).stat().st_mtime)
        with self._lock:
            voice = self._voices.pop(key, None)
            if voice is None:
                index = open_index_copy(folder / INDEX) if (folder / INDEX).exists() else None
                voice = RvcVoice(open_copy(folder / MODEL), index, self._device)
            while len(self._voices) >= HELD:
                self._voices.pop(next(iter(self._voices)))
            self._voices[key] = voice
            return voice

    def _estimator(self, method: str, radius: int) -> Estimate:
        from speech.engines.f0.methods import estimator

        with self._lock:
            if (method, radius) not in self._estimators:
                self._estimators[method, radius] = estimator(method, self._options.store, radius, self._device)
            return self._estimators[method, radius]


def _given(request: ConversionRequest, name: str) -> Any:
    return request.parameters.get(name, DEFAULTS[name])
