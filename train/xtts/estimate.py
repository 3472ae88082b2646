"""How long a fine-tuning of XTTS-v2 takes and how much memory, before it begins; no weights are loaded for it.

Memory is counted from the sizes of the network and of the longest batch. Time is the arithmetic of a step over the
speed of this machine: measured in an earlier training, else by multiplying matrices; where there is neither, unknown.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from speech.engines.xtts.config import HOP, SAMPLE_RATE, XttsConfig
from speech.engines.xtts.record import LANGUAGES
from speech.engines.xtts.tokenizer import Tokenizer
from speech.errors import SpeechError
from train.held_out import held_out
from train.manifest import Clip
from train.options import TrainOptions
from train.xtts.options import LEAST_S, MOST_PROMPT_S, MOST_S, MOST_TOKENS, STOPS, STRIDE, TARGETS

Basis = Literal["measured", "computed", "unknown"]
SPEED = "speed.json"  # in a run's folder: what it measured of this machine
LATENTS = 32  # positions of the voice
FLOAT = 4  # bytes
# Bytes a trained number takes beside the file: itself, its gradient, two moments, the best so far, and a copy while the
# optimizer steps or the state is saved.
TRAINED_BYTES = 6 * FLOAT
# Numbers, in widths of the decoder, that a layer keeps of each position for the way back (counted from the graph, and
# held to it by a test): what its matrices got, the inputs of its norms, queries, keys, values, the feed-forward's four.
KEPT_FULL, KEPT_LORA, KEPT_RECOMPUTED = 21.0, 14.0, 1.0
KEPT_FRAME, KEPT_KEYS = 9.0, 4 * 1024  # of a frame that is conditioned on, in a block of the encoder and after it
HALVED = 0.7  # of what is kept, where matrices are multiplied in half precision
SIDES = {"attn.c_attn": 4, "attn.c_proj": 2, "mlp.c_fc": 5, "mlp.c_proj": 5}  # inputs and outputs of a layer, in widths
PROCESS_BYTES = 500 << 20  # Python, PyTorch and what it keeps for its threads


@dataclass(frozen=True)
class Workload:
    """What a dataset asks of a run; lengths in positions of the decoder."""

    clips: int  # trained on
    held_out: int
    left_out: int  # too short, too long, without text
    duration_s: float  # of those trained on
    mean_positions: float
    most_positions: int

    @classmethod
    def of(cls, clips: Sequence[Clip], vocab: Path, validation_share: float) -> Workload:
        """Raises SpeechError as Tokenizer does."""
        tokenizer = Tokenizer(vocab)
        found = [(clip, _positions(clip, tokenizer)) for clip in clips]
        used = [(clip, positions) for clip, positions in found if positions]
        held = {clip.clip_id for clip in held_out([clip for clip, _ in used], validation_share)}
        train = [(clip, positions) for clip, positions in used if clip.clip_id not in held]
        lengths = [positions for _, positions in train]
        return cls(
            clips=len(train),
            held_out=len(held),
            left_out=len(clips) - len(used),
            duration_s=sum(clip.duration_s for clip, _ in train),
            mean_positions=sum(lengths) / len(lengths) if lengths else 0.0,
            most_positions=max(lengths, default=0),
        )


@dataclass(frozen=True)
class Change:
    """What makes it smaller or faster: fields of `POST /training/start` with their values, and the memory with all so
    far."""

    code: str  # use_lora, batch_size, recompute, full_precision
    fields: dict[str, int | bool]
    memory_bytes: int


@dataclass(frozen=True)
class Estimate:
    """None: unknown. `duration_s` is of learning and validating; preparing and listening come to it."""

    workload: Workload
    steps: int
    step_s: float | None
    duration_s: float | None
    time_basis: Basis
    memory_bytes: int  # computed
    available_bytes: int | None
    fits: bool | None
    changes: tuple[Change, ...] = ()
    advice: tuple[Change, ...] = ()  # what makes it faster


def estimate(
    config: XttsConfig,
    workload: Workload,
    options: TrainOptions,
    speed: float,
    basis: Basis,
    available: int | None,
    has_bf16: bool | None = None,
) -> Estimate:
    """`speed` in multiplications and additions a second, 0 where it is unknown; `basis` is where it comes from;
    `available` bytes; `has_bf16`: whether the processor multiplies in half precision. Raises SpeechError
    `dataset_too_small`."""
    if not workload.clips or not workload.held_out:
        total = workload.clips + workload.held_out
        raise SpeechError("dataset_too_small", clips=total, minimum=2)
    loop = options.loop(-(-workload.clips // options.model.batch_size))
    step = step_operations(config, workload, options)
    validation = workload.held_out * forward_operations(config, workload.mean_positions)
    whole = loop.steps * step + -(-loop.steps // loop.validate_every) * validation
    memory = memory_bytes(config, workload, options)
    fits = None if available is None else memory <= available
    return Estimate(
        workload=workload,
        steps=loop.steps,
        step_s=step / speed if speed else None,
        duration_s=whole / speed if speed else None,
        time_basis=basis if speed else "unknown",
        memory_bytes=memory,
        available_bytes=available,
        fits=fits,
        changes=tuple(_changes(config, workload, options, available)) if available and not fits else (),
        advice=tuple(_advice(config, workload, options, has_bf16)),
    )


def _advice(config: XttsConfig, workload: Workload, options: TrainOptions, has_bf16: bool | None) -> Iterator[Change]:
    """Half precision is slower on a processor that does not multiply in it."""
    run = options.run
    if run.device == "cpu" and run.precision != "fp32" and has_bf16 is False:
        whole = replace(options, run=replace(run, precision="fp32"))
        yield Change("full_precision", {"mixed_precision": False}, memory_bytes(config, workload, whole))


def _changes(config: XttsConfig, workload: Workload, options: TrainOptions, available: int) -> Iterator[Change]:
    """One after the other until it fits: adapters, smaller batches of which more are added up, recomputing."""
    fields: list[tuple[str, dict[str, int | bool]]] = []
    if options.model.method == "full":
        fields.append(("use_lora", {"use_lora": True}))
    batch, accumulation = options.model.batch_size, options.run.accumulation
    if batch > 1:
        fields.append(("batch_size", {"batch_size": 1, "accumulation": min(8, batch * accumulation)}))
    if not options.model.recompute:
        fields.append(("recompute", {"recompute": True}))
    for code, changed in fields:
        options = _with(options, changed)
        memory = memory_bytes(config, workload, options)
        yield Change(code, changed, memory)
        if memory <= available:
            return


def _with(options: TrainOptions, fields: dict[str, int | bool]) -> TrainOptions:
    model, run = options.model, options.run
    if fields.get("use_lora"):
        model = replace(model, method="lora")
    if "batch_size" in fields:
        model = replace(model, batch_size=int(fields["batch_size"]))
        run = replace(run, accumulation=int(fields["accumulation"]))
    if fields.get("recompute"):
        model = replace(model, recompute=True)
    return replace(options, model=model, run=run)


def network_numbers(config: XttsConfig) -> tuple[int, int]:
    """How many numbers the decoder and the conditioning have."""
    width, inner = config.width, config.width * 8 // 3
    rows = 2 * (config.text_tokens + config.audio_tokens) + config.max_audio + 3 + config.max_text + 2
    decoder = rows * width + config.text_tokens + config.audio_tokens
    decoder += config.layers * (12 * width * width + 13 * width) + 4 * width
    encoder = 81 * width + 6 * (4 * width * width + 6 * width)
    perceiver = (LATENTS + 1) * width + 2 * (2048 * width + 3 * inner * width + 2 * inner + width)
    return decoder, encoder + perceiver


def memory_bytes(config: XttsConfig, workload: Workload, options: TrainOptions) -> int:
    """The most that a step holds."""
    model = options.model
    decoder, conditioning = network_numbers(config)
    adapters = config.layers * model.rank * config.width * sum(SIDES[name] for name in TARGETS[model.targets])
    trained = decoder + conditioning if model.method == "full" else adapters
    trained_bytes = TRAINED_BYTES + (FLOAT if options.run.average else 0)
    copies = 0 if options.run.precision == "fp32" else decoder * FLOAT // 2  # of the weights, in half precision
    kept = kept_bytes(config, options, workload.most_positions)
    return round(FLOAT * (decoder + conditioning) + trained_bytes * trained + kept + copies) + PROCESS_BYTES


def kept_bytes(config: XttsConfig, options: TrainOptions, positions: int) -> float:
    """What the forward pass of a batch of rows of so many positions keeps for the way back."""
    model, width = options.model, config.width
    is_full = model.method == "full"
    layer = KEPT_RECOMPUTED if model.recompute else KEPT_FULL if is_full else KEPT_LORA
    numbers = positions * width * (config.layers * layer + KEPT_LORA)
    if is_full:
        frames = round(MOST_PROMPT_S * SAMPLE_RATE / HOP)
        numbers += frames * (6 * (KEPT_FRAME * width + config.heads * frames) + KEPT_KEYS)
    size = FLOAT * (1.0 if options.run.precision == "fp32" else HALVED)
    logits = positions * max(config.audio_tokens, config.text_tokens // 2) * 2 * FLOAT
    return model.batch_size * (numbers * size + logits)


def forward_operations(config: XttsConfig, positions: float) -> float:
    """Multiplications and additions of one row of so many positions."""
    matrices = 12 * config.layers * config.width**2 + config.width * (config.audio_tokens + config.text_tokens) / 2
    return 2 * positions * (matrices + config.layers * positions * config.width)


def step_operations(config: XttsConfig, workload: Workload, options: TrainOptions) -> float:
    """Of one step of the optimizer: the way back costs once the way there with adapters, twice with all weights."""
    rows = options.run.accumulation * options.model.batch_size
    passes = (3 if options.model.method == "full" else 2) + options.model.recompute
    return rows * passes * forward_operations(config, workload.mean_positions)


def measured_speed(runs: Path, device: str, precision: str) -> float:
    """Operations a second of the newest run in `runs` on that device; 0 where there was none."""
    newest = sorted(runs.glob(f"*/{SPEED}"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in newest:
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            if (found["device"], found["precision"]) == (device, precision):
                return float(found["operations_per_s"])
        except (OSError, ValueError, KeyError, TypeError):
            continue  # a run that was killed while it wrote, or of another version
    return 0.0


def keep_speed(folder: Path, options: TrainOptions, operations_per_s: float) -> None:
    """For the next estimate on this machine."""
    facts = {"device": options.run.device, "precision": options.run.precision, "operations_per_s": operations_per_s}
    (folder / SPEED).write_text(json.dumps(facts), encoding="utf-8")


def _positions(clip: Clip, tokenizer: Tokenizer) -> int:
    """0 for a clip that is not learned from."""
    if not clip.text.strip() or not LEAST_S <= clip.duration_s <= MOST_S or clip.language not in LANGUAGES:
        return 0
    try:
        tokens = len(tokenizer.encode(clip.text, LANGUAGES[clip.language]))
    except SpeechError:
        return 0
    if tokens > MOST_TOKENS:
        return 0
    return LATENTS + 1 + tokens + 1 + math.ceil(clip.duration_s * SAMPLE_RATE / STRIDE) + STOPS - 1
