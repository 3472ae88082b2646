"""Speak with a fine-tuned checkpoint, or with a blend of several.

    python -m train.scripts.xtts_inference "Olá!" --base FOLDER --checkpoint RUN/checkpoints/step-000120 \
        --reference voz.wav -o ola.wav
    … --checkpoint A --weight 0.7 --checkpoint B --weight 0.3
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from speech.audio import save
from speech.errors import SpeechError
from train.scripts.common import base_folder, run_script
from train.xtts.inference import Inference, materialized, reference_of


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text")
    parser.add_argument("--base", type=Path, help="folder of XTTS-v2 that was fine-tuned; else the store's")
    parser.add_argument("--checkpoint", type=Path, action="append", default=[], help="a step-… folder of a run")
    parser.add_argument("--weight", type=float, action="append", default=[], help="of each checkpoint; 1 without any")
    parser.add_argument("--reference", type=Path, help="a recording of the voice, 3 to 30 s")
    parser.add_argument("--speaker", help="or a studio speaker of the base")
    parser.add_argument("--language", default="pt-BR")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--most-s", type=float, default=60.0, help="seconds after which a sentence is cut off")
    parser.add_argument("--cache", type=Path, default=Path(".papagaio-cache"), help="where merged checkpoints are kept")
    parser.add_argument("-o", "--output", type=Path, required=True)
    asked = parser.parse_args(arguments)

    def body() -> int:
        shares = asked.weight or [1.0] * len(asked.checkpoint)
        if len(shares) != len(asked.checkpoint):
            raise SpeechError("blend_weights", weights=len(shares), checkpoints=len(asked.checkpoint))
        reference = reference_of(asked.reference) if asked.reference else None
        folder = materialized(base_folder(asked.base), list(zip(asked.checkpoint, shares)), asked.cache)
        inference = Inference(folder, asked.cache, asked.device)
        try:
            sound = inference.speak(
                asked.text,
                asked.language,
                reference=reference,
                speaker=asked.speaker,
                seed=asked.seed,
                most_s=asked.most_s,
            )
        finally:
            inference.close()
        save(sound, asked.output)
        print(f"{asked.output}: {sound.duration_s:.2f} s")
        return 0

    return run_script(body)


if __name__ == "__main__":
    sys.exit(main())
