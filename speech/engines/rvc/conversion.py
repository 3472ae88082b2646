"""A recording to the sound of a voice, as RVC does it: content, nearest features, F0, latents, generator.

    16 kHz -> high-pass -> blocks cut where it is quiet -> each with a second of its neighbours ->
    content -> mixed with the voice's own features -> latents and F0 -> samples of the middle

The attention layers hear a whole block; blocks end where the public implementation ends them, so that memory is that of
41 s for any recording. Samples come out as a stream; a whole recording is their join.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from speech.engines.f0.mel import FRAME
from speech.engines.f0.methods import Estimate, coarse, fitted
from speech.engines.rvc.contentvec import ContentVec
from speech.engines.rvc.generator import Excitation, Generator, reach
from speech.engines.rvc.highpass import PADDING, high_passed
from speech.engines.rvc.index import VoiceIndex
from speech.engines.rvc.loudness import LoudnessMix
from speech.engines.rvc.model_file import Network, RvcModel, network_of

SAMPLE_RATE = 16000
PAD = SAMPLE_RATE  # samples of its neighbours that a block hears on each side
LONGEST, CENTRE, SEARCH = 41 * SAMPLE_RATE, 38 * SAMPLE_RATE, 6 * SAMPLE_RATE  # of the cut into blocks
PEAK = 0.95  # louder recordings are scaled down to it
DEVIATION = 0.66666  # of the latents' noise
UNPROTECTED = 0.5  # of `protect`, from which consonants are not

Values = NDArray[np.float64]
Samples = NDArray[np.float32]


@dataclass(frozen=True)
class RvcOptions:
    """What a person may ask of a conversion; 0 is 0."""

    pitch: float = 0.0  # semitones up
    index_rate: float = 0.75  # how much of the content is replaced by the nearest of the voice's own
    rms_mix_rate: float = 0.25  # 0: as loud as the recording at every moment, 1: as the voice is
    protect: float = 0.33  # share of the mixed content where there is no F0; 0.5 mixes it everywhere
    seed: int = 0  # of the noise in the latents and in the source


class RvcVoice:
    """The networks of one model, laid out for a device, and its index."""

    def __init__(self, model: RvcModel, index: VoiceIndex | None, device: str = "cpu") -> None:
        """Raises SpeechError as `network_of` does."""
        network = network_of(model)
        self.config, self.index = model.config, index
        self.network: Network = network.to(device)
        self.generator = Generator(network.dec, model.config, device)
        self.size_bytes: int = sum(tensor.numel() * tensor.element_size() for tensor in network.state_dict().values())

    @torch.inference_mode()
    def latents(self, content: Tensor, pitch: Tensor | None, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Latents (1, inter, T) of content (1, T, width), coarse F0 (1, T) and noise like the latents; the speaker."""
        speaker = self.network.emb_g(torch.zeros(1, dtype=torch.long, device=content.device))[:, :, None]
        mean, log_deviation = self.network.enc_p(content, pitch)
        return self.network.flow(mean + log_deviation.exp() * noise * DEVIATION, speaker), speaker


@dataclass(frozen=True, eq=False)
class _Block:
    """Samples (n,) with `PAD` of its neighbours on each side, and how many of its frames' samples are wanted."""

    samples: Values
    wanted: int  # samples of the output


class Conversion:
    """One recording by one voice; `semitones` and `voiced_s` grow while it is streamed."""

    def __init__(self, content: ContentVec, voice: RvcVoice, estimate: Estimate | None, options: RvcOptions) -> None:
        """`estimate` of F0, for a voice that hears it."""
        self._content, self._voice, self._estimate, self._options = content, voice, estimate, options
        self._random = torch.Generator().manual_seed(options.seed)
        self._at = voice.generator.at
        self.voiced_s = 0.0

    def whole(self, samples: Samples) -> Samples:
        """(n,) at 16 kHz to (n * rate / 16000,) at the voice's rate."""
        return np.concatenate([np.zeros(0, np.float32), *self.stream(samples)])

    def stream(self, samples: Samples) -> Iterator[Samples]:
        """The same in pieces of a quarter of a second or so, after the first block is heard."""
        sound = prepared(samples)
        rate = self._voice.config.sample_rate
        total = len(sound) * rate // SAMPLE_RATE
        mix = LoudnessMix(sound, SAMPLE_RATE, total, rate, self._options.rms_mix_rate)
        for block in blocks(sound, self._voice.config.hop):
            for piece in self.said(block):
                yield mix.push(piece)
        yield mix.last()

    def said(self, block: _Block) -> Iterator[Samples]:
        """The wanted samples of a block, not yet mixed with the recording's loudness."""
        config = self._voice.config
        samples = torch.from_numpy(block.samples.astype(np.float32)).to(self._at.device)
        content, f0 = self._heard(samples)
        noise = self._noise(config.inter, content.shape[1])
        pitch = None if f0 is None else coarse(f0)[None].to(content.device)
        latents, speaker = self._voice.latents(content, pitch, noise)
        excitation = None
        if f0 is not None:
            torch.rand(1, 1, generator=self._random)  # the phase of an overtone that no model has
            noise = torch.randn(content.shape[1] * config.hop, generator=self._random).to(self._at.device)
            excitation = Excitation(f0.float().to(self._at.device), noise, config)
        skipped = PAD // FRAME
        first = max(0, skipped - reach(config))
        last = skipped + -(-block.wanted // config.hop) + reach(config)
        made, start = 0, (skipped - first) * config.hop
        for piece in self._voice.generator.stream(latents[:, :, first:last], speaker, excitation, first):
            wanted = piece[max(0, start - made) : max(0, start + block.wanted - made)]
            made += len(piece)
            yield wanted

    @torch.inference_mode()
    def _heard(self, samples: Tensor) -> tuple[Tensor, Tensor | None]:
        """Content (1, T, width) as the voice hears it, and F0 (T,) in Hz after the shift."""
        content = self._content(samples, self._voice.config.version)
        frames = min(len(samples) // FRAME, 2 * content.shape[1])
        mixed = content
        index, share = self._voice.index, self._options.index_rate
        if index is not None and share > 0:
            nearest = torch.from_numpy(index.nearest(content[0].cpu().numpy())).to(content)
            mixed = nearest[None] * share + (1 - share) * content
        content, mixed = (functional.interpolate(part.mT, scale_factor=2).mT for part in (content, mixed))
        f0 = None
        if self._voice.config.has_f0 and self._estimate is not None:
            f0 = fitted(self._estimate(samples), len(samples) // FRAME)[:frames] * 2 ** (self._options.pitch / 12)
            self.voiced_s += float((f0[PAD // FRAME : len(f0) - PAD // FRAME] > 0).sum()) * FRAME / SAMPLE_RATE
            if self._options.protect < UNPROTECTED:
                share_there = torch.where(f0 > 0, 1.0, self._options.protect).to(mixed)[:, None]
                mixed = mixed[:, :frames] * share_there + content[:, :frames] * (1 - share_there)
        return mixed[:, :frames], f0

    def _noise(self, channels: int, frames: int) -> Tensor:
        return torch.randn(1, channels, frames, generator=self._random).to(self._at.device)


def prepared(samples: Samples) -> Values:
    """Not too loud, and without rumble."""
    sound = samples.astype(np.float64)
    most = float(np.abs(sound).max(initial=0)) / PEAK
    sound = sound / most if most > 1 else sound
    return high_passed(sound) if len(sound) > PADDING else sound


def blocks(sound: Values, hop: int) -> Iterator[_Block]:
    """Of (n,) at 16 kHz; together they want n * hop / 160 samples."""
    ends = [*_cuts(sound), len(sound)]
    padded = np.pad(sound, PAD, mode="reflect") if len(sound) > 1 else np.pad(sound, PAD)
    start = 0
    for end in ends:
        more = FRAME if end < len(sound) else 0
        wanted = (end - start) * hop // FRAME if end < len(sound) else len(sound) * hop // FRAME - start * hop // FRAME
        yield _Block(padded[start : end + 2 * PAD + more], wanted)
        start = end


def _cuts(sound: Values) -> list[int]:
    """Where a long recording is quietest around each `CENTRE`, in whole frames."""
    if len(sound) + FRAME <= LONGEST:
        return []
    edged = np.pad(sound, FRAME // 2, mode="reflect")
    sums = np.cumsum(np.concatenate([[0.0], edged]))
    level = np.abs(sums[FRAME:] - sums[:-FRAME])[: len(sound)]
    found = []
    for centre in range(CENTRE, len(sound), CENTRE):
        place = centre - SEARCH + int(level[centre - SEARCH : centre + SEARCH].argmin())
        found.append(place // FRAME * FRAME)
    return found
