"""Original → transcript → clone → check, with another speaker as the control. Rows 4.1-1 to 4.1-4.

The clone is what a fit begins with, the mixture of stock voices nearest to the speaker, so that it takes seconds; whole
fits are in test_cloning.py. The speaker is a stock voice, which the mixture has to find again by its sound alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from speech.audio import Audio, join, load, save
from speech.metrics.mfcc import mfcc, mfcc_similarity
from speech.metrics.resemblyzer import Resemblyzer
from speech.metrics.speaker import SpeakerJudge
from speech.metrics.wer import words
from speech.models import ModelStore
from speech.synthesis import Synthesizer, SynthesizerOptions
from speech.text.normalize import normalize
from speech.voice_files import Consent
from speech.voice_library import VoiceLibrary
from train.cloning import BASE, CloneOptions, new_meta
from train.kokoro.initial_voice import centre, start
from train.kokoro.report import load_judges

TEXTS = (
    "Quando a chuva parou, as crianças correram para brincar na rua.",
    "O vizinho consertou a bicicleta velha no domingo de manhã.",
    "Depois do almoço, todos foram ver o jogo na praça.",
)
NEW = "A biblioteca do bairro abre cedo e fecha depois do jantar."
ORIGINAL, CONTROL = "pm_santa", "pf_dora"
LEAST_SIMILAR = 0.8  # of a transcript to the text, the pass mark of row 4.1-2


@dataclass(frozen=True)
class Chain:
    """What each step of the chain left, and its results file."""

    originals: list[Audio]
    transcripts: list[str]
    library: VoiceLibrary
    cloned: Audio  # NEW by the cloned voice
    heard: str  # what Whisper made of it
    control: Audio  # NEW by another speaker
    results: Path


def text_similarity(a: str, b: str) -> float:
    """Share of letters in common, in order: 0 to 1."""
    return SequenceMatcher(None, " ".join(words(a)), " ".join(words(b)), autojunk=False).ratio()


@pytest.fixture(scope="module")
def chain(
    fit_store: ModelStore,
    installed: Callable[..., ModelStore],
    speak: Callable[..., Audio],
    tmp_path_factory: pytest.TempPathFactory,
) -> Chain:
    installed("speaker-eres2net")
    folder = tmp_path_factory.mktemp("chain")
    judges = load_judges(fit_store)
    transcriber = judges.transcriber
    assert transcriber is not None and len(judges.speakers) == 2
    originals = [speak(text, voice=ORIGINAL, pause_s=0.2) for text in TEXTS]
    transcripts = [transcriber.transcribe(audio, "pt-BR").text for audio in originals]
    for number, audio in enumerate(originals, 1):
        save(audio, folder / f"c{number}.wav")
    library = VoiceLibrary(folder / "voices")
    options = CloneOptions("ana_dois", "Ana", "pt-BR", Consent("I agree.", "2026-11-29T00:00:00+00:00"), "fast")
    encoder = Resemblyzer(fit_store.path("speaker-resemblyzer") / "pretrained.pt")
    begun = start(centre(encoder, originals), fit_store.path("kokoro-voices") / "voices")
    heard_s = sum(audio.duration_s for audio in originals)
    meta = new_meta(options, "kokoro", BASE, fit_store.info(BASE).files[0].sha256, options.effort, heard_s)
    library.add(meta, {"style": begun.style}, {})
    synthesizer = Synthesizer(SynthesizerOptions(fit_store.root, voices_dir=folder / "voices"))
    plan = synthesizer.plan(NEW, engine="kokoro", language="pt-BR", voice="ana_dois")
    cloned = join(list(synthesizer.speak(plan)))
    synthesizer.close()
    heard, control = transcriber.transcribe(cloned, "pt-BR").text, speak(NEW, voice=CONTROL, pause_s=0.2)
    return Chain(originals, transcripts, library, cloned, heard, control, measured(folder, judges.speakers, locals()))


def measured(folder: Path, judges: Sequence[SpeakerJudge], made: dict[str, object]) -> Path:
    """The figures of the chain as JSON, and its sounds beside them."""
    originals, cloned, control = join(made["originals"]), made["cloned"], made["control"]  # type: ignore[arg-type]
    assert isinstance(cloned, Audio) and isinstance(control, Audio)
    save(cloned, folder / "cloned.wav")
    save(control, folder / "control.wav")
    figures = {
        "texts": list(TEXTS),
        "transcripts": made["transcripts"],
        "new_text": NEW,
        "heard": made["heard"],
        "text_similarity": text_similarity(normalize(NEW, "pt-BR"), str(made["heard"])),
        "mfcc": {"cloned": mfcc_similarity(cloned, originals), "control": mfcc_similarity(control, originals)},
    }
    for judge in judges:
        wanted = judge.embed(originals)
        figures[judge.name] = {
            "cloned": float(judge.embed(cloned) @ wanted),
            "control": float(judge.embed(control) @ wanted),
        }
    path = folder / "results.json"
    path.write_text(json.dumps(figures, indent=2), encoding="utf-8")
    return path


def figures(chain: Chain) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(chain.results.read_text(encoding="utf-8"))
    return found


def test_the_original_is_written_down(chain: Chain) -> None:
    for text, heard in zip(TEXTS, chain.transcripts, strict=True):
        assert text_similarity(text, heard) >= LEAST_SIMILAR, heard


def test_a_voice_is_made_of_it(chain: Chain) -> None:
    [meta] = chain.library.list()
    assert meta.voice_id == "ana_dois" and meta.consent.statement == "I agree."
    assert meta.reference_s == pytest.approx(sum(audio.duration_s for audio in chain.originals), abs=0.1)


def test_the_clone_says_a_new_text(chain: Chain) -> None:
    assert json.loads(chain.results.read_text())["text_similarity"] >= LEAST_SIMILAR, chain.heard
    assert text_similarity(TEXTS[0], chain.heard) < LEAST_SIMILAR, "another text is told from it"


def test_its_cepstra_are_nearer_than_those_of_another_speaker(chain: Chain) -> None:
    found = figures(chain)["mfcc"]
    assert found["cloned"] > found["control"] and found["cloned"] > 0.9


@pytest.mark.parametrize("judge", ["resnet34", "eres2net"])
def test_a_speaker_encoder_hears_the_speaker_and_not_the_control(chain: Chain, judge: str) -> None:
    found = figures(chain)[judge]
    assert found["cloned"] > found["control"] + 0.1


def test_everything_is_kept(chain: Chain) -> None:
    folder, found = chain.results.parent, figures(chain)
    assert found["texts"] == list(TEXTS) and found["transcripts"] == chain.transcripts
    assert found["new_text"] == NEW and found["heard"] == chain.heard
    assert np.array_equal(load(folder / "cloned.wav").samples.shape, chain.cloned.samples.shape)
    assert {"c1.wav", "c2.wav", "c3.wav", "control.wav"} <= {path.name for path in folder.iterdir()}


def test_cepstra_leave_pauses_out_and_refuse_nothing() -> None:
    tone = Audio((0.3 * np.sin(np.arange(24000) * 0.1)).astype(np.float32), 24000)
    paused = Audio(np.concatenate([tone.samples, np.zeros(24000, np.float32)]), 24000)
    assert mfcc_similarity(tone, paused) == pytest.approx(1.0, abs=0.01) and mfcc(tone).shape[1] == 20
    with pytest.raises(ValueError, match="too short"):
        mfcc(Audio(tone.samples[:500], 24000))
