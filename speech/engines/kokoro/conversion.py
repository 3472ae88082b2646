"""Speech to speech on Kokoro's parts: words, timing, F0 and energy of a recording, timbre of a voice; no torch.

The export is cut in two where its length regulator is. The first half reads a text: features of its phonemes, and how
the voice would say it. The second half is the decoder, which is given the recording's timing, F0 and energy instead.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from speech.audio import Audio, Samples, resample
from speech.dsp import fade, limit_peak
from speech.engines.base import Conversion, ConversionRequest, EngineOptions, Progress
from speech.engines.kokoro.adapter import Adapter, merge
from speech.engines.kokoro.alignment import (
    FRAME,
    VALUE,
    Curve,
    Frames,
    at_least_one,
    durations,
    energy,
    energy_offset,
    gain_of,
    guide_voice,
    pitch,
)
from speech.engines.kokoro.blending import stock_style
from speech.engines.kokoro.onnx_file import OnnxFile
from speech.engines.kokoro.phonemes import TOKENS, phonemize, tokens
from speech.engines.kokoro.record import CONVERTER, ENGINE, SAMPLE_RATE
from speech.engines.kokoro.runtime import STYLE_ROWS, Style
from speech.engines.kokoro.sessions import open_session, run_options
from speech.engines.kokoro.voices import stock_ids, stock_voices
from speech.errors import SpeechError
from speech.text.normalize import normalize
from speech.text.script import has_speech
from speech.voice_files import read_tensors
from speech.voice_folder import ListedVoices, Stamp, VoiceFolder
from speech.voices import Voice

FLOAT, INT64 = 1, 7  # onnx.TensorProto.DataType
# Tensors of the export: before and after its length regulator.
TEXT, FRAMES = "/encoder/text_encoder/Transpose_2_output_0", "/encoder/Clip_output_0"
FEATURES, F0, ENERGY = "/encoder/MatMul_1_output_0", "/encoder/Reshape_output_0", "/encoder/Reshape_1_output_0"
EDGE = 4  # frames of silence put around a line: 0.1 s
VOICED_HZ = 45.0  # Kokoro's own F0 below this is no pitch
ALIGNED_HZ = (3000.0, 8000.0)  # up to where sounds are compared, as far as the recording reaches
HIGHEST_HZ = 800.0
MARKS = frozenset(TOKENS[mark] for mark in ';:,.!?—…"()“”')
PAUSE_FRAMES = 4  # of a mark, 0.1 s: with fewer it is no pause
CLICK_FREE_S = 0.005


@dataclass(frozen=True, eq=False)
class Reading:
    """A text as a voice would say it: T phonemes with both pads, F frames."""

    text: Curve  # (512, T)
    frames: Frames  # (T,), sum F
    f0: Curve  # (2F,) Hz
    energy: Curve  # (2F,)

    def features(self, frames: Frames) -> Curve:
        """The text held for `frames` (T,) of each phoneme: (512, sum)."""
        return np.repeat(self.text, frames, axis=1)


class Halves:
    """The network cut in two; `model` is an export, as it is or with a voice merged into it."""

    def __init__(self, model: Path | bytes, threads: int) -> None:
        self.size_bytes = len(model) if isinstance(model, bytes) else model.stat().st_size
        file = OnnxFile(model)
        self._tokens = "tokens" if any("tokens" in node.inputs for node in file.nodes) else "input_ids"
        first = file.part({self._tokens: INT64, "style": FLOAT, "speed": FLOAT}, [TEXT, FRAMES, F0, ENERGY])
        second = file.part({FEATURES: FLOAT, F0: FLOAT, ENERGY: FLOAT, "style": FLOAT}, file.nodes[-1].outputs)
        self._first, self._second = open_session(first, threads), open_session(second, threads)

    def read(self, tokens: Sequence[int], style: Curve, speed: float = 1.0) -> Reading:
        """`tokens` without pads, `style` (256,)."""
        inputs = {
            self._tokens: np.array([[0, *tokens, 0]], np.int64),
            "style": style[None],
            "speed": np.array([speed], np.float32),
        }
        text, frames, f0, loudness = self._first.run([TEXT, FRAMES, F0, ENERGY], inputs, run_options())
        return Reading(text[0], frames.reshape(-1).astype(np.int64), f0[0], loudness[0])

    def decode(self, features: Curve, f0: Curve, loudness: Curve, style: Curve) -> Samples:
        """Samples (600F,) of `features` (512, F), F0 in Hz and energy (2F,), by the timbre of `style` (256,)."""
        inputs = {FEATURES: features[None], F0: f0[None], ENERGY: loudness[None], "style": style[None]}
        samples: Samples = self._second.run(None, inputs, run_options())[0].reshape(-1)
        return samples


@dataclass(frozen=True, eq=False)
class _Line:
    """A line cut out of the recording at the network's frames, `first` is where; EDGE frames of silence around it."""

    first: int
    samples: Samples  # (600F,)
    f0: Curve  # (2F,) Hz, 0 unvoiced
    tokens: Sequence[int]


@dataclass(frozen=True, eq=False)
class _Guided:
    """A line beside the same words as a stock voice of the speaker's pitch says them."""

    line: _Line
    guide: Reading
    rendered: Samples
    own_f0: Curve  # Hz, of the words as the wanted voice says them


class KokoroConverter:
    """A VoiceConverter into stock and fitted voices."""

    info = CONVERTER.info

    def __init__(self, options: EngineOptions) -> None:
        self._options = options
        self._listed = ListedVoices(VoiceFolder(options.voices_dir), ENGINE) if options.voices_dir else None
        self._stock: Halves | None = None
        self._fitted: tuple[Stamp, Halves, Style] | None = None  # the one used last
        self._lock = threading.Lock()

    def check(self) -> None:
        CONVERTER.install.check_packages(self.info.title)
        self._model_path()
        self._voices_path()

    def needed_bytes(self) -> int:
        return self._model_path().stat().st_size

    def load(self, device: str) -> None:
        """Raises SpeechError `device_not_offered` for anything but cpu, and what `check` raises."""
        if device != "cpu":
            raise SpeechError("device_not_offered", engine=self.info.name, device=device, choices=["cpu"])
        self.check()
        self._stock = Halves(self._model_path(), self._options.threads)

    def unload(self) -> None:
        self._stock = self._fitted = None

    def memory_bytes(self) -> int:
        fitted = self._fitted
        return sum(halves.size_bytes for halves in (self._stock, fitted and fitted[1]) if halves)

    def voices(self) -> tuple[Voice, ...]:
        return stock_voices() + (self._listed.voices() if self._listed else ())

    def convert(self, audio: Audio, request: ConversionRequest, progress: Progress) -> Conversion:
        """24 kHz, as long as `audio` and as loud; silent where no line is.

        Raises SpeechError `engine_not_loaded`, `unknown_voice`, `language_not_spoken`, `line_too_long`,
        `nothing_to_convert`, and what reading and merging a fitted voice raise.
        """
        if self._stock is None:
            raise SpeechError("engine_not_loaded", engine=self.info.name)
        sound = resample(audio, SAMPLE_RATE)
        lines = _cut(sound, request)
        if not lines:
            raise SpeechError("nothing_to_convert")
        halves, table = self._speaking(self._stock, request.voice.voice_id)
        guide = self._guide(lines)
        guided: list[_Guided] = []
        for line in lines:
            guided.append(_guided(halves, line, guide, table))
            progress(len(guided), 2 * len(lines))
        gain = gain_of([one.rendered for one in guided], [one.line.samples for one in guided])
        offset = energy_offset([(one.rendered, one.guide.energy) for one in guided])
        ratio = 1.0 if request.parameters.get("pitch") == "source" else _ratio(guided)
        top_hz = float(np.clip(request.bandwidth_hz, *ALIGNED_HZ))
        made = np.zeros(len(sound.samples), np.float32)
        for number, one in enumerate(guided, len(guided) + 1):
            said = _say(halves, one, guide, table, gain, offset, ratio, top_hz)
            _place(made, said, one.line.first * FRAME)
            progress(number, 2 * len(lines))
        voiced_s = sum(int((line.f0 > 0).sum()) for line in lines) * VALUE / SAMPLE_RATE
        return Conversion(limit_peak(Audio(made, SAMPLE_RATE)), 12 * float(np.log2(ratio)), voiced_s)

    def _guide(self, lines: Sequence[_Line]) -> Style:
        """Style table of the stock voice that the recording is laid over."""
        return self._style(guide_voice(np.concatenate([line.f0 for line in lines])))

    def _style(self, voice_id: str) -> Style:
        return stock_style(self._voices_path(), voice_id)

    def _speaking(self, stock: Halves, voice_id: str) -> tuple[Halves, Style]:
        """The network and the style table (510, 256) of a voice. Raises SpeechError `unknown_voice`."""
        if voice_id in stock_ids():
            return stock, self._style(voice_id)
        if self._options.voices_dir is None:
            raise SpeechError("unknown_voice", voice=voice_id, engine=ENGINE, choices=list(stock_ids()))
        library = VoiceFolder(self._options.voices_dir)
        path = library.path(voice_id, ENGINE)
        with self._lock:
            stamp = next(stamp for stamp in library.stamp() if stamp[0] == voice_id)
            if self._fitted is None or self._fitted[0] != stamp:
                adapter = Adapter.from_tensors(read_tensors(path))
                if not adapter.names():  # a blend of stock voices is a style alone
                    return stock, adapter.style
                merged = merge(self._model_path(), adapter, self._options.precision)
                self._fitted = (stamp, Halves(merged, self._options.threads), adapter.style)
            return self._fitted[1:]

    def _model_path(self) -> Path:
        name = f"kokoro-{self._options.precision}"
        return self._options.store.path(name) / f"{name}.onnx"

    def _voices_path(self) -> Path:
        return self._options.store.path("kokoro-voices") / "voices"


def _cut(sound: Audio, request: ConversionRequest) -> list[_Line]:
    """The lines that say something, each from where the one before ends. Raises SpeechError `line_too_long`."""
    lines: list[_Line] = []
    end = 0
    for line in request.lines:
        text = normalize(line.text, request.language)
        ids = tokens(phonemize(text, request.language)) if has_speech(text) else []
        if len(ids) > STYLE_ROWS:
            duration_s = round(line.end_s - line.start_s, 1)
            raise SpeechError("line_too_long", text=line.text[:80], duration_s=duration_s, maximum=STYLE_ROWS)
        first = max(end, int(line.start_s * SAMPLE_RATE / FRAME))
        last = min(int(np.ceil(line.end_s * SAMPLE_RATE / FRAME)), -(-len(sound.samples) // FRAME))
        if ids and last > first:
            part = sound.samples[first * FRAME : last * FRAME]
            samples = np.pad(part, (EDGE * FRAME, EDGE * FRAME + -len(part) % FRAME))
            lines.append(_Line(first, samples, pitch(Audio(samples, SAMPLE_RATE)), ids))
            end = last
    return lines


def _guided(halves: Halves, line: _Line, guide: Style, table: Style) -> _Guided:
    row = len(line.tokens) - 1
    reading = halves.read(line.tokens, guide[row])
    rendered = halves.decode(reading.features(reading.frames), reading.f0, reading.energy, guide[row])
    return _Guided(line, reading, rendered, halves.read(line.tokens, table[row]).f0)


def _ratio(guided: Sequence[_Guided]) -> float:
    """How much higher the voice says the same words than the recording: of the medians; 1 without any pitch."""
    own = np.concatenate([one.own_f0 for one in guided])
    recorded = np.concatenate([one.line.f0 for one in guided])
    own, recorded = own[own > VOICED_HZ], recorded[recorded > 0]
    return float(np.median(own) / np.median(recorded)) if len(own) and len(recorded) else 1.0


def _say(
    halves: Halves, one: _Guided, guide: Style, table: Style, gain: float, offset: float, ratio: float, top_hz: float
) -> Samples:
    """The line by the voice, with the recording's timing, melody and loudness; without the edges."""
    frames = at_least_one(durations(one.rendered, one.guide.frames, one.line.samples, top_hz))
    ids, frames = without_unheard(one.line.tokens, frames)
    features = halves.read(ids, guide[len(ids) - 1]).features(frames)
    f0 = np.minimum(one.line.f0 * np.float32(ratio), np.float32(HIGHEST_HZ))
    loudness = energy(one.line.samples * np.float32(gain)) - np.float32(offset)
    said = halves.decode(features, f0, loudness, table[len(ids) - 1])
    inside = said[EDGE * FRAME : len(said) - EDGE * FRAME] / np.float32(gain)
    return fade(Audio(inside, SAMPLE_RATE), CLICK_FREE_S, CLICK_FREE_S).samples


def without_unheard(ids: Sequence[int], frames: Frames) -> tuple[list[int], Frames]:
    """Tokens without the marks at which the recording makes no pause; their frames go to the phoneme before.

    `frames` are those of `ids` and a pad on both sides, as those given back. A recogniser writes marks that nobody
    spoke, and a mark in the text is heard in the sounds beside it.
    """
    kept: list[int] = []
    held = [int(frames[0])]
    for token, count in zip(ids, frames[1:-1], strict=True):
        if token in MARKS and count < PAUSE_FRAMES and kept:
            held[-1] += int(count)
        else:
            kept.append(token)
            held.append(int(count))
    return kept, np.array([*held, int(frames[-1])], np.int64)


def _place(target: Samples, part: Samples, at: int) -> None:
    part = part[: len(target) - at]
    target[at : at + len(part)] = part
