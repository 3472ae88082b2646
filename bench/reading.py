"""What a reading is worth: texts as people write them, spoken and written down again, by the rules of another commit
and by today's.

`python -m bench.reading OLD [--count 60]`: OLD is a folder with the `speech` package of the other commit
(`git archive COMMIT speech | tar x -C OLD`). Both readings are spoken by the same embedded voice and written down by
Whisper base; the words that should be heard are those of the golden tables. Prints the share of wrong words.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
from pathlib import Path

from bench.record import write
from speech.asr import WhisperTranscriber
from speech.audio import Audio
from speech.engines.kokoro.phonemes import phonemize, tokens
from speech.engines.kokoro.runtime import Runtime, load_voice
from speech.metrics.wer import word_error_rate
from speech.models import ModelStore
from speech.text.normalize import normalize
from speech.text.sentences import split
from tests.speech.test_text_kinds_english import ROWS as ENGLISH
from tests.speech.test_text_kinds_portuguese import ROWS as PORTUGUESE

VOICES = {"pt-BR": "pf_dora", "en-US": "af_heart"}
SAMPLE_RATE = 24000
_READ = """
import json, sys
from speech.engines.kokoro.phonemes import phonemize
from speech.text.normalize import normalize
from speech.text.sentences import split
language, texts = json.load(sys.stdin)
print(json.dumps([[phonemize(s.text, language) for s in split(normalize(t, language), 400, language)] for t in texts]))
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("old", type=Path)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    store = ModelStore(Path(os.environ.get("PAPAGAIO_MODELS_DIR", Path.home() / ".local/share/papagaio/models")))
    runtime = Runtime(store.path("kokoro-int8") / "kokoro-int8.onnx", options.threads)
    whisper = WhisperTranscriber(store.path("whisper-base"), threads=options.threads)
    figures: dict[str, dict[str, float]] = {"pt-BR": {}, "en-US": {}}
    for language, rows in (("pt-BR", PORTUGUESE), ("en-US", ENGLISH)):
        chosen = random.Random(25).sample(rows, min(options.count, len(rows)))
        texts = [written for written, _ in chosen]
        readings = {"before": _old(options.old, language, texts), "after": _new(language, texts)}
        style = load_voice(store.path("kokoro-voices") / "voices" / f"{VOICES[language]}.bin")
        for name, sentences in readings.items():
            heard = []
            for pieces in sentences:
                sounds = [Audio(runtime.synthesize(tokens(piece), style, 1.0), SAMPLE_RATE) for piece in pieces]
                text = " ".join(whisper.transcribe(sound, language).text for sound in sounds)
                heard.append(normalize(text, language))
            rate = word_error_rate([spoken for _, spoken in chosen], heard)
            figures[language][name] = round(rate, 4)
            print(f"{language} {name}: {rate:.3f} of the words of {len(chosen)} texts", flush=True)
    write("reading", {"texts": options.count, "word_error_rate": figures})


def _new(language: str, texts: list[str]) -> list[list[str]]:
    return [[phonemize(s.text, language) for s in split(normalize(t, language), 400, language)] for t in texts]


def _old(folder: Path, language: str, texts: list[str]) -> list[list[str]]:
    """The phonemes that the package in `folder` makes."""
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    command = [sys.executable, "-c", _READ]
    given = json.dumps([language, texts])
    done = subprocess.run(command, input=given, env=environment, cwd=folder, capture_output=True, text=True, check=True)
    sentences: list[list[str]] = json.loads(done.stdout)
    return sentences


if __name__ == "__main__":
    main()
