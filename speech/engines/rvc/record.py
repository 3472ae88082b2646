"""What is known of the converter before it is imported."""

from __future__ import annotations

from speech.engines.base import Choice, ConverterInfo, Parameter
from speech.engines.f0.choice import METHODS
from speech.engines.records import ConverterRecord, Installation

CONVERTER = "rvc"
TITLE = "RVC"
CONTENT_MODEL, CONTENT_FILE = "contentvec", "hubert_base.pt"
COMMAND = "./run rvc"

RECORD = ConverterRecord(
    info=ConverterInfo(
        name=CONVERTER,
        title=TITLE,
        sample_rate=48000,  # models make 32, 40 or 48 kHz; the lower ones are resampled
        licence="MIT",  # of ContentVec; each voice has one of its own
        parameters=(
            Parameter("pitch", 0.0, -24.0, 24.0),  # semitones up
            Parameter("index_rate", 0.75, 0.0, 1.0),
            Parameter("filter_radius", 3.0, 0.0, 7.0),  # of harvest and dio only
            Parameter("rms_mix_rate", 0.25, 0.0, 1.0),
            Parameter("protect", 0.33, 0.0, 0.5),
            Choice("f0_method", METHODS[0], METHODS),
        ),
        devices=("cpu", "cuda"),
    ),
    target="speech.engines.rvc.converter:RvcConverter",
    install=Installation(packages=("torch",), command=COMMAND, weights={"": (CONTENT_MODEL,)}),
)
