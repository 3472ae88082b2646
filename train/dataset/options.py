"""Every knob of the pipeline, with its default; `train/config/dataset_config.yaml` holds the same ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

from speech.errors import SpeechError

DEFAULT_CONFIG = Path(__file__).parent.parent / "config" / "dataset_config.yaml"
Options = TypeVar("Options")


@dataclass(frozen=True)
class DownloadOptions:
    """Where recordings may come from, and how often it is tried."""

    sample_rate: int = 22050  # Hz of everything after this stage
    max_retries: int = 3  # after the first try
    retry_delay_s: float = 5.0  # before the second try; doubled each time
    timeout_s: float = 1800.0  # of one try
    max_duration_s: float = 14400.0  # of one recording
    max_file_mb: int = 2000
    allowed_hosts: tuple[str, ...] = ("youtube.com", "www.youtube.com", "m.youtube.com", "youtu.be")
    subtitles: bool = True  # are kept when offered, in the recording's language


@dataclass(frozen=True)
class CleanOptions:
    """Noise reduction by spectral gating; the original is kept."""

    enabled: bool = False
    strength: float = 0.8  # share of the noise that is taken away, 0 to 1
    stationary: bool = True  # the noise does not change over the recording


@dataclass(frozen=True)
class SegmentOptions:
    """Speech is cut into clips at pauses."""

    min_duration_s: float = 7.0
    max_duration_s: float = 12.0
    target_duration_s: float = 9.5  # wanted where there is a choice
    min_pause_s: float = 0.2  # the shortest silence that is cut at
    max_pause_s: float = 0.7  # inside a clip; of longer ones the middle is left out
    max_gap_s: float = 8.0  # the longest gap over which speech is joined
    padding_s: float = 0.1  # of its own quiet that a clip keeps before and after speech
    vad_threshold: float = 0.5  # probability of speech that begins it; it ends 0.15 below
    fade_in_s: float = 0.01
    fade_out_s: float = 0.02
    target_rms_db: float = -20.0
    peak_limit_db: float = -1.0  # what is louder turns the whole clip down
    diarize: bool = True  # no clip holds two speakers; needs the models of speaker recognition
    max_speakers: int = 6  # in one recording


@dataclass(frozen=True)
class TranscribeOptions:
    """Words of every clip, and when to listen again with a larger model."""

    model: str = "whisper-base"  # of the model store
    high_precision_model: str = "whisper-small"  # "" never listens again
    workers: int = 0  # processes with a model each; 0 sizes them to the machine
    beam_size: int = 1
    pack_s: float = 28.0  # clips are heard together up to so much, since the model hears 30 s at once; 0 one by one
    min_log_probability: float = -0.7  # of a word, mean of a clip; below it is heard again
    max_compression_ratio: float = 2.4  # of the text by zlib: repeated words
    max_oov_share: float = 0.25  # of the words that the lexicon does not know
    min_words_per_s: float = 0.8
    max_words_per_s: float = 5.0
    max_subtitle_difference: float = 0.35  # share of the letters


@dataclass(frozen=True)
class QualityOptions:
    """Bounds of `review` and `drop` for every measure: reasons in docs/TRAINING_GUIDE.md."""

    review_snr_db: float = 20.0
    drop_snr_db: float = 10.0
    review_clipped_share: float = 0.005
    drop_clipped_share: float = 0.02
    review_silence_share: float = 0.45
    drop_silence_share: float = 0.7
    review_bandwidth_hz: float = 6500.0
    drop_bandwidth_hz: float = 3500.0
    review_rms_db: float = -35.0
    drop_rms_db: float = -50.0
    review_words_per_s: float = 4.5
    drop_words_per_s: float = 6.0
    review_log_probability: float = -0.6
    drop_log_probability: float = -1.3
    review_edge_db: float = -16.0  # level in the first or last moments over that of the speech
    drop_edge_db: float = -8.0
    review_edge_difference: float = 0.5  # of the outermost words from the same heard alone
    drop_edge_difference: float = 1.0  # never: a recogniser errs more on so little
    review_text_difference: float = 0.25
    drop_text_difference: float = 0.5
    review_language_probability: float = 0.5
    drop_language_probability: float = 0.2
    review_speaker_similarity: float = 0.45
    drop_speaker_similarity: float = 0.35
    review_duplicate_similarity: float = 0.97
    drop_duplicate_similarity: float = 0.99
    review_mos: float = 2.6
    drop_mos: float = 2.0
    mos: bool = True  # DNSMOS P.808; slow


@dataclass(frozen=True)
class BuildOptions:
    """The dataset that is trained on."""

    name: str = "MyTTSDataset"
    train_share: float = 0.9
    seed: int = 42
    include_review: bool = True  # clips that nobody looked at, with a warning; dropped ones never


@dataclass(frozen=True)
class DatasetOptions:
    download: DownloadOptions = field(default_factory=DownloadOptions)
    clean: CleanOptions = field(default_factory=CleanOptions)
    segment: SegmentOptions = field(default_factory=SegmentOptions)
    transcribe: TranscribeOptions = field(default_factory=TranscribeOptions)
    quality: QualityOptions = field(default_factory=QualityOptions)
    build: BuildOptions = field(default_factory=BuildOptions)


def load_options(path: Path = DEFAULT_CONFIG, changes: Mapping[str, Any] | None = None) -> DatasetOptions:
    """Options of a YAML file, and `changes` (section to fields) over them.

    Raises SpeechError `bad_dataset_option` for an unknown name or a value of another type, with the valid ones.
    """
    import yaml

    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SpeechError("bad_dataset_option", option=path.name, reason=str(error)) from error
    return changed(changed(DatasetOptions(), document), changes or {})


def changed(options: Options, changes: Mapping[str, Any], where: str = "") -> Options:
    """`options` with some fields changed, nested ones by their own mapping. Raises SpeechError `bad_dataset_option`."""
    if not isinstance(changes, Mapping):
        raise SpeechError("bad_dataset_option", option=where.rstrip(".") or "–", reason="a mapping is wanted")
    hints = get_type_hints(type(options))
    values: dict[str, Any] = {}
    for name, value in changes.items():
        if name not in hints:
            known = ", ".join(each.name for each in fields(options))  # type: ignore[arg-type]
            raise SpeechError("bad_dataset_option", option=f"{where}{name}", reason=f"unknown; there are: {known}")
        before = getattr(options, name)
        is_nested = is_dataclass(before)
        values[name] = (
            changed(before, value, f"{where}{name}.") if is_nested else _typed(hints[name], value, where + name)
        )
    made: Options = replace(options, **values)  # type: ignore[type-var]
    return made


def _typed(wanted: Any, value: Any, where: str) -> Any:
    if get_args(wanted):  # a tuple of texts is the only kind
        if isinstance(value, (list, tuple)) and all(isinstance(each, str) for each in value):
            return tuple(value)
        raise SpeechError("bad_dataset_option", option=where, reason="a list of texts is wanted")
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if wanted is float and is_number:
        return float(value)
    if isinstance(value, wanted) and isinstance(value, bool) == (wanted is bool):
        return value
    raise SpeechError("bad_dataset_option", option=where, reason=f"{value!r} is not of type {wanted.__name__}")
