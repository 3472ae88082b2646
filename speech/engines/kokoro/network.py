"""Kokoro in plain PyTorch, for fitting it to a voice: the ONNX export's computation, node for node.

StyleTTS 2 (https://arxiv.org/abs/2306.07691): a text encoder says what is spoken, PL-BERT
(https://arxiv.org/abs/2301.08810, an ALBERT, https://arxiv.org/abs/1909.11942) and the prosody predictor when and how
high, and the iSTFTNet decoder (`decoder.py`) makes it sound. docs/ENGINES.md draws it. Modules carry the names of
the published checkpoint, so that `weights.py` finds each one's tensors. One utterance at a time up to the decoder,
which takes batches.

T: phonemes with the pad on both sides; F: frames of 25 ms; F0 and energy have two values a frame.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from speech.engines.kokoro.decoder import AdainResBlk1d, Decoder
from speech.engines.kokoro.source import HarmonicSource

STYLE = 128  # numbers of one half of a voice's style
HIDDEN = 512
MAX_DURATION = 50  # frames of one phoneme


class Kokoro(nn.Module):
    """Tokens and a style (timbre | prosody) to samples at 24 kHz."""

    def __init__(self, source: HarmonicSource) -> None:
        super().__init__()
        self.source = source
        self.bert = Albert()
        self.bert_encoder = nn.Linear(768, HIDDEN)
        self.text_encoder = TextEncoder()
        self.predictor = ProsodyPredictor()
        self.decoder = Decoder()

    def forward(self, tokens: Tensor, style: Tensor, speed: float = 1.0) -> Tensor:
        """Samples (n,) for `tokens` (1, T) with the pads and `style` (1, 256)."""
        timbre, prosody = style[:, :STYLE], style[:, STYLE:]
        hidden = self.predictor.hidden(self.meaning(tokens), prosody)
        frames = whole_frames(self.predictor.durations(hidden), speed)
        f0, energy = self.predictor.curves(spread(hidden.transpose(1, 2), frames), prosody)
        source = torch.from_numpy(self.source(f0[0].detach().cpu().numpy()))[None].to(f0.device)
        samples: Tensor = self.decoder(spread(self.text_encoder(tokens), frames), f0, energy, timbre, source)
        return samples[0]

    def meaning(self, tokens: Tensor) -> Tensor:
        """What the prosody is predicted from: (1, T, 512)."""
        meaning: Tensor = self.bert_encoder(self.bert(tokens))
        return meaning


def whole_frames(durations: Tensor, speed: float = 1.0) -> Tensor:
    """Frames of each phoneme (T,), at least one."""
    return torch.round(durations / speed).clamp(min=1).long()


def spread(features: Tensor, frames: Tensor, length: int | None = None) -> Tensor:
    """Features of phonemes (1, C, T) held for their `frames` (T,): (1, C, F); with `length`, which is F, no device is
    waited for."""
    held: Tensor = torch.repeat_interleave(features, frames, dim=2, output_size=length)
    return held


class TextEncoder(nn.Module):
    """What is said: tokens (1, T) to features (1, 512, T)."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(178, HIDDEN)
        self.cnn = nn.ModuleList(
            nn.Sequential(nn.Conv1d(HIDDEN, HIDDEN, 5, padding=2), ChannelNorm(HIDDEN), nn.LeakyReLU(0.2))
            for _ in range(3)
        )
        self.lstm = nn.LSTM(HIDDEN, HIDDEN // 2, batch_first=True, bidirectional=True)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embedding(tokens).transpose(1, 2)
        for layer in self.cnn:
            x = layer(x)
        hidden: Tensor = self.lstm(x.transpose(1, 2))[0]
        return hidden.transpose(1, 2)


class ChannelNorm(nn.Module):
    """Layer normalisation over the channels of (1, C, T)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels))
        self.beta = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        normed = functional.layer_norm(x.transpose(1, 2), self.gamma.shape, self.gamma, self.beta)
        return normed.transpose(1, 2)


class ProsodyPredictor(nn.Module):
    """How it is said: durations, F0 (Hz) and energy (log of the norm of the mel frame)."""

    def __init__(self) -> None:
        super().__init__()
        self.text_encoder = DurationEncoder()
        self.lstm = nn.LSTM(HIDDEN + STYLE, HIDDEN // 2, batch_first=True, bidirectional=True)
        self.duration_proj = nn.ModuleDict({"linear_layer": nn.Linear(HIDDEN, MAX_DURATION)})
        self.shared = nn.LSTM(HIDDEN + STYLE, HIDDEN // 2, batch_first=True, bidirectional=True)
        self.F0 = nn.ModuleList(_curve_blocks())
        self.N = nn.ModuleList(_curve_blocks())
        self.F0_proj = nn.Conv1d(HIDDEN // 2, 1, 1)
        self.N_proj = nn.Conv1d(HIDDEN // 2, 1, 1)

    def hidden(self, meaning: Tensor, prosody: Tensor) -> Tensor:
        """(1, T, 512) and the style's prosody (1, 128) to (1, T, 640)."""
        hidden: Tensor = self.text_encoder(meaning, prosody)
        return hidden

    def durations(self, hidden: Tensor) -> Tensor:
        """Frames of each phoneme as real numbers: (T,)."""
        x, _ = self.lstm(hidden)
        return torch.sigmoid(self.duration_proj["linear_layer"](x)).sum(-1)[0]

    def curves(self, hidden: Tensor, prosody: Tensor) -> tuple[Tensor, Tensor]:
        """F0 and energy, each (1, 2 F), from `hidden` (1, 640, F) spread over the frames."""
        shared, _ = self.shared(hidden.transpose(1, 2))
        f0 = energy = shared.transpose(1, 2)
        for f0_block, energy_block in zip(self.F0, self.N):
            f0, energy = f0_block(f0, prosody), energy_block(energy, prosody)
        return self.F0_proj(f0)[:, 0], self.N_proj(energy)[:, 0]


def _curve_blocks() -> list[nn.Module]:
    half = HIDDEN // 2
    return [
        AdainResBlk1d(HIDDEN, HIDDEN),
        AdainResBlk1d(HIDDEN, half, doubles=True),
        AdainResBlk1d(half, half),
    ]


class DurationEncoder(nn.Module):
    """LSTM and style-adaptive normalisation by turns; each LSTM is told the style again."""

    def __init__(self) -> None:
        super().__init__()
        self.lstms = nn.ModuleList()
        for _ in range(3):
            self.lstms.append(nn.LSTM(HIDDEN + STYLE, HIDDEN // 2, batch_first=True, bidirectional=True))
            self.lstms.append(AdaLayerNorm())

    def forward(self, x: Tensor, prosody: Tensor) -> Tensor:
        told = prosody[:, None].expand(-1, x.shape[1], -1)
        x = torch.cat([x, told], dim=2)
        for lstm, norm in zip(self.lstms[::2], self.lstms[1::2]):
            x = torch.cat([norm(lstm(x)[0], prosody), told], dim=2)
        return x


class AdaLayerNorm(nn.Module):
    """Layer normalisation whose scale and shift come from the style."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(STYLE, 2 * HIDDEN)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        gamma, beta = self.fc(style)[:, None].chunk(2, dim=2)
        normed: Tensor = (1 + gamma) * functional.layer_norm(x, (HIDDEN,)) + beta
        return normed


class Albert(nn.Module):
    """PL-BERT: one layer used twelve times. (1, T) to (1, T, 768)."""

    def __init__(self) -> None:
        super().__init__()
        self.embeddings = nn.ModuleDict(
            {
                "word_embeddings": nn.Embedding(178, 128),
                "position_embeddings": nn.Embedding(512, 128),
                "token_type_embeddings": nn.Embedding(2, 128),
                "LayerNorm": nn.LayerNorm(128, eps=1e-12),
            }
        )
        self.encoder = AlbertLayers()

    def forward(self, tokens: Tensor) -> Tensor:
        positions = torch.arange(tokens.shape[1], device=tokens.device)[None]
        named = self.embeddings
        x = named["word_embeddings"](tokens) + named["token_type_embeddings"](torch.zeros_like(tokens))
        encoded: Tensor = self.encoder(named["LayerNorm"](x + named["position_embeddings"](positions)))
        return encoded


class AlbertLayers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding_hidden_mapping_in = nn.Linear(128, 768)
        layers = nn.ModuleList([AlbertLayer()])
        self.albert_layer_groups = nn.ModuleList([nn.ModuleDict({"albert_layers": layers})])

    def forward(self, x: Tensor) -> Tensor:
        x = self.embedding_hidden_mapping_in(x)
        layer = self.get_submodule("albert_layer_groups.0.albert_layers.0")
        for _ in range(12):
            x = layer(x)
        return x


class AlbertLayer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        names = ("query", "key", "value", "dense")
        self.attention = nn.ModuleDict({name: nn.Linear(768, 768) for name in names})
        self.attention["LayerNorm"] = nn.LayerNorm(768, eps=1e-12)
        self.ffn = nn.Linear(768, 2048)
        self.ffn_output = nn.Linear(2048, 768)
        self.full_layer_layer_norm = nn.LayerNorm(768, eps=1e-12)

    def forward(self, x: Tensor) -> Tensor:
        def heads(name: str) -> Tensor:
            projected: Tensor = self.attention[name](x)
            return projected.view(*x.shape[:2], 12, 64).transpose(1, 2)

        seen = functional.scaled_dot_product_attention(heads("query"), heads("key"), heads("value"))
        x = self.attention["LayerNorm"](x + self.attention["dense"](seen.transpose(1, 2).reshape(x.shape)))
        spread = self.ffn_output(functional.gelu(self.ffn(x), approximate="tanh"))
        out: Tensor = self.full_layer_layer_norm(spread + x)
        return out
