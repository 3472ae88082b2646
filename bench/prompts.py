"""Real speech with known words: the telephone prompts of Debian, fetched once into the user's cache.

    python -m bench.prompts

Licences of the recordings: CC-BY-SA and GPL. They are fetched where they are needed and never kept in the project.
"""

from __future__ import annotations

import gzip
import os
import random
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from speech.audio import Audio, load

SAMPLE_RATE = 24000
PEAK = 0.7
HELD_OUT = 12  # clips nobody fits on
SHORTEST_S, LONGEST_S = 2.0, 8.0
FEWEST_WORDS, MOST_WORDS = 5, 22
SEED = 3
_LINE = re.compile(r"^([\w/\-]+):\s*(.+)$")
_NO_SPEECH = re.compile(r"[\[(<]|tone|beep|\bbip\b")


class PromptsMissing(RuntimeError):
    """The recordings cannot be had on this machine; the text says why."""


@dataclass(frozen=True)
class PromptSpeaker:
    """A person, and the packages that hold the recordings and their texts."""

    language: str  # BCP 47
    folder: str  # below the sounds
    suffix: str
    sounds: str
    texts: str  # package asterisk-core-sounds-…


@dataclass(frozen=True)
class Prompts:
    """Recordings of one person: the reference with its words, and clips that no fit has seen."""

    speaker_id: str
    language: str
    reference: tuple[tuple[Audio, str], ...]
    held_out: tuple[Audio, ...]

    @property
    def reference_s(self) -> float:
        return sum(audio.duration_s for audio, _ in self.reference)


SPEAKERS = {
    "allison_en": PromptSpeaker("en-US", "en_US_f_Allison", ".g722", "asterisk-core-sounds-en-g722", "en"),
    "allison_es": PromptSpeaker("es", "es_MX_f_Allison", ".g722", "asterisk-core-sounds-es-g722", "es"),
    "june_fr": PromptSpeaker("fr", "fr_CA_f_June", ".g722", "asterisk-core-sounds-fr-g722", "fr"),
    "carlo_it": PromptSpeaker("it", "it_IT_m_Carlo", ".g722", "asterisk-core-sounds-it-g722", "it"),
    "menardi_it": PromptSpeaker("it", "it_IT_f_Menardi", ".wav", "asterisk-prompt-it-menardi-wav", "it"),
}


def prompts(speaker_id: str, reference_s: float = 50.0) -> Prompts:
    """About `reference_s` seconds of one of `SPEAKERS` with their texts, and twelve other clips.

    Clips of 2 to 8 s and 5 to 22 words, mono at 24 kHz with a peak of 0.7; always the same ones, and the held-out
    clips the same for every `reference_s`. Raises PromptsMissing; ValueError for an unknown speaker.
    """
    if speaker_id not in SPEAKERS:
        raise ValueError(f"speaker is one of {sorted(SPEAKERS)}, not {speaker_id!r}")
    speaker = SPEAKERS[speaker_id]
    reference: list[tuple[Audio, str]] = []
    held_out: list[Audio] = []
    for audio, text in _clips(speaker):
        if len(held_out) < HELD_OUT:
            held_out.append(audio)
            continue
        if sum(clip.duration_s for clip, _ in reference) >= reference_s:
            break
        reference.append((audio, text))
    return Prompts(speaker_id, speaker.language, tuple(reference), tuple(held_out))


def listed(speaker: PromptSpeaker) -> list[tuple[Path, str]]:
    """Recordings that have a text of the right length, in the order of the list."""
    sounds = fetched(speaker.sounds) / "usr/share/asterisk/sounds" / speaker.folder
    name = f"asterisk-core-sounds-{speaker.texts}"
    data = gzip.decompress((fetched(name) / f"usr/share/doc/{name}/core-sounds-{speaker.texts}.txt.gz").read_bytes())
    found = []
    for line in _decoded(data).splitlines():
        if matched := _LINE.match(line.strip()):
            path, text = sounds / f"{matched[1]}{speaker.suffix}", matched[2].strip()
            is_sentence = FEWEST_WORDS <= len(text.split()) <= MOST_WORDS and not _NO_SPEECH.search(text)
            if is_sentence and path.is_file():
                found.append((path, text))
    return found


def fetched(package: str) -> Path:
    """Folder with the unpacked Debian package, downloaded by apt on first use (no root). Raises PromptsMissing."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "papagaio" / "prompts" / package
    if folder.is_dir():
        return folder
    if missing := [tool for tool in ("apt-get", "dpkg") if not shutil.which(tool)]:
        raise PromptsMissing(f"{package} comes from Debian, and this machine has no {' or '.join(missing)}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as name:
        temporary = Path(name)
        _run(package, temporary, "apt-get", "download", "-qq", package)
        archive = next(temporary.glob("*.deb"))
        _run(package, temporary, "dpkg", "-x", str(archive), "unpacked")
        try:
            os.rename(temporary / "unpacked", folder)
        except OSError:  # another process was first
            if not folder.is_dir():
                raise
    return folder


def _run(package: str, folder: Path, *command: str) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise PromptsMissing(f"{package}: {' '.join(command)} failed: {done.stderr.strip()[-300:]}")


def _clips(speaker: PromptSpeaker) -> Iterator[tuple[Audio, str]]:
    found = listed(speaker)
    random.Random(SEED).shuffle(found)
    for path, text in found:
        audio = decoded(path)
        if SHORTEST_S <= audio.duration_s < LONGEST_S:
            yield audio, text


def decoded(path: Path) -> Audio:
    """A recording at 24 kHz, its loudest sample at `PEAK`."""
    audio = load(path, SAMPLE_RATE)
    return Audio(audio.samples * (PEAK / max(float(abs(audio.samples).max()), 1e-3)), SAMPLE_RATE)


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def main() -> None:
    for speaker_id in SPEAKERS:
        found = prompts(speaker_id)
        held_s = sum(audio.duration_s for audio in found.held_out)
        print(f"{speaker_id}: {len(found.reference)} clips, {found.reference_s:.1f} s; held out {held_s:.1f} s")
        for audio, text in found.reference[:3]:
            print(f"  {audio.duration_s:.1f} s  {text}")


if __name__ == "__main__":
    main()
