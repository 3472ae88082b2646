"""Less noise, when asked for: spectral gating by noisereduce (https://github.com/timsainb/noisereduce, MIT)."""

from __future__ import annotations

from pathlib import Path

from speech.analysis.quality import snr_db
from speech.audio import Audio
from speech.files import replacing
from train.dataset import sound
from train.dataset.folder import DatasetFolder
from train.dataset.options import CleanOptions
from train.progress import Reporter, Stopped

PIECE_S, AROUND_S = 60.0, 1.0  # cleaned at a time, and what is heard before and after it


def clean(folder: DatasetFolder, options: CleanOptions, reporter: Reporter) -> dict[str, tuple[float, float]]:
    """`cleaned/ID.wav` of every recording, its original kept; signal to noise before and after, in dB, by source.

    Not enabled, it takes earlier ones away, so that the originals are cut. Raises Stopped.
    """
    import shutil

    if not options.enabled:
        shutil.rmtree(folder.cleaned, ignore_errors=True)
        return {}
    mark = folder.cleaned / "options.txt"
    if not mark.is_file() or mark.read_text() != repr(options):
        shutil.rmtree(folder.cleaned, ignore_errors=True)
        folder.cleaned.mkdir()
        mark.write_text(repr(options))
    ready = [source for source in folder.sources() if source.is_ready]
    measured = {}
    for index, source in enumerate(ready):
        reporter.progress(index, len(ready), "dataset.stage.clean")
        if reporter.should_stop():
            raise Stopped
        before, after = folder.root / source.path, folder.cleaned / f"{source.source_id}.wav"
        if not after.is_file():
            _clean(before, after, options)
        measured[source.source_id] = tuple(round(snr_db(_some(path)), 1) for path in (before, after))
        reporter.log(f"{source.source_id}: {measured[source.source_id][0]} dB → {measured[source.source_id][1]} dB")
    reporter.progress(1, 1, "dataset.stage.clean")
    return {name: (first, last) for name, (first, last) in measured.items()}


def _clean(source: Path, target: Path, options: CleanOptions) -> None:
    """Piece by piece, each with a second of its neighbours, so that hours of it need no memory."""
    import soundfile

    length = sound.duration_s(source)
    sample_rate = soundfile.info(source).samplerate
    with replacing(target) as temporary, soundfile.SoundFile(temporary, "w", sample_rate, 1, "PCM_16") as file:
        at = 0.0
        while at < length:
            first = max(0.0, at - AROUND_S)
            piece = cleaned(sound.part(source, first, at + PIECE_S + AROUND_S), options)
            file.write(piece.slice(at - first, at - first + min(PIECE_S, length - at)).samples)
            at += PIECE_S


def cleaned(audio: Audio, options: CleanOptions) -> Audio:
    """The same sound with `options.strength` of its noise taken away."""
    import noisereduce
    import numpy as np

    if len(audio.samples) < 4096:
        return audio
    quiet = noisereduce.reduce_noise(
        y=audio.samples, sr=audio.sample_rate, stationary=options.stationary, prop_decrease=options.strength
    )
    return Audio(np.asarray(quiet, np.float32), audio.sample_rate)


def _some(path: Path) -> Audio:
    """The first minute: enough to tell the noise by."""
    return sound.part(path, 0.0, 60.0)
