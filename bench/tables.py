"""`docs/BENCHMARKS.md` from `bench/results/`: one table for each claim.

    python -m bench.tables            write the document
    python -m bench.tables --check    say whether the document is what would be written
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from string import ascii_uppercase
from textwrap import fill

from bench import tables_service
from bench.record import RESULTS
from bench.table_rows import Figures, Row, compared, percent

DOCUMENT = RESULTS.parents[1] / "docs" / "BENCHMARKS.md"
HEAD = """\
# Benchmarks

Written by `./run bench tables` from `bench/results/*.json`. What was learned on the way:
[bench/NOTES.md](../bench/NOTES.md). Ours and reference are of one run on one machine; ratio is ours divided by the
reference, unless a table says otherwise.
"""


@dataclass(frozen=True)
class Claim:
    title: str
    # The experiment of `bench/` and its arguments.
    command: str
    # Files of `bench/results/`, without their ending.
    results: tuple[str, ...]
    # The rows of one result.
    rows: Callable[[Figures], Iterable[Row]]
    # What a reader needs to understand the rows.
    note: str


def embedded(figures: Figures) -> Iterable[Row]:
    presets = figures["presets"]
    language = presets[0]["language"]
    aim = "4 %/8 %" if language == "pt-BR" else "1 %/5 %"
    words = "/".join(percent(max(preset["wer"][kind] for preset in presets)) for kind in ("plain", "numbers"))
    yield Row(f"{language}, words wrong, plain/numbers", "Whisper base", words, aim)
    scores = "/".join(f"{min(preset[measure] for preset in presets):.2f}" for measure in ("p808", "overall"))
    yield Row(f"{language}, P808/overall", "DNSMOS", scores, "3.7/3.1")


def cloned(figures: Figures) -> Iterator[Figures]:
    """What was measured of 50 s and effort `default`."""
    return (row for row in figures["voices"].values() if row["reference_s"] == 50 and row["effort"] == "default")


def cloning(figures: Figures) -> Iterable[Row]:
    for row in cloned(figures):
        own = "*" * (row["speaker"].rpartition("_")[2] == row["language"].split("-")[0])
        seen = row["similarity"].values()
        ours, ceiling, share = ("/".join(f"{one[key]:.2f}" for one in seen) for key in ("after", "ceiling", "share"))
        yield Row(f"{row['speaker']} {row['language']}{own}", "cosine", ours, ceiling, share)


def cloned_sound(figures: Figures) -> Iterable[Row]:
    rows = list(cloned(figures))
    words = [100 * (row["word_error_rate"]["fitted"] - row["word_error_rate"]["stock"]) for row in rows]
    yield Row("words wrong, points", "Whisper base", f"{median(words):+.1f}, worst {max(words):+.1f}", "+2.0")
    for measure in ("p808", "overall"):
        changes = [row[measure]["fitted"] - row[measure]["stock"] for row in rows]
        yield Row(measure, "DNSMOS", f"{median(changes):+.2f}, worst {min(changes):+.3f}", "-0.10")


def amounts(figures: Figures) -> Iterable[Row]:
    rows = [row for row in figures["voices"].values() if (row["speaker"], row["language"]) == ("carlo_it", "it")]
    for row in sorted(rows, key=lambda row: row["reference_s"]):
        shares = "/".join(f"{likeness['share']:.2f}" for likeness in row["similarity"].values())
        yield Row(f"{row['reference_s']:.0f} s", "share", shares, "0.80")


def fit_times(figures: Figures) -> Iterable[Row]:
    taken: dict[tuple[str, int], list[float]] = {}
    for fit in figures["fits"].values():
        if fit["reference_s"] == 50:
            taken.setdefault((fit["effort"], fit["threads"]), []).append(fit["took_s"] / 60)
    for (effort, threads), minutes in sorted(taken.items()):
        said = f"{median(minutes):.0f} min ({min(minutes):.0f}–{max(minutes):.0f})"
        yield Row(effort, f"{len(minutes)} fits, {threads} thread{'s' * (threads > 1)}", said, "–")


def fitted(figures: Figures) -> Iterable[Row]:
    yield compared("load", "against the aim", figures["load_s"], 2.0)
    speeds = [figures[name]["total_s"] / figures[name]["audio_s"] for name in ("fitted", "stock")]
    ratio = f"{figures['real_time_factor_ratio']:.2f}"
    yield Row("real-time factor", "pairs in turn", *(f"{speed:.2f}" for speed in speeds), ratio)


def beside_fit(figures: Figures) -> Iterable[Row]:
    how = f"{figures['runs']} pairs"
    ratio = f"{figures['ratio']:.2f}"
    yield Row("a paragraph", how, f"{figures['beside_s']:.1f} s", f"{figures['alone_s']:.1f} s", ratio)


def conversion(figures: Figures) -> Iterable[Row]:
    for name, row in figures["conversions"].items():
        voice = name.partition(",")[0].rpartition(" ")[2]
        words, seen = row["word_error_rate"], row["likeness"].values()
        yield Row(f"{voice}, words wrong", "Whisper base", *map(percent, (words["converted"], words["recording"])))
        yield Row(f"{voice}, F0 correlation", "pYIN", f"{row['f0_correlation']['mean']:.2f}", "0.85")
        ours, own, share = ("/".join(f"{one[key]:.2f}" for one in seen) for key in ("converted", "own", "share"))
        yield Row(f"{voice}, likeness", "cosine", ours, own, share)


def intake(figures: Figures) -> Iterable[Row]:
    states: dict[str, list[Figures]] = {}
    for row in figures["recordings"]:
        states.setdefault(row["state"], []).append(row)
    alike: dict[str, list[str]] = {}
    for state, rows in states.items():
        used, clips = (sum(row[key] for row in rows) for key in ("usable", "clips"))
        is_refused = all(row["refused_whole"] is not None for row in rows)
        outcome = "recording refused" if is_refused else "all clips used" if used == clips else f"{used} of {clips}"
        alike.setdefault(outcome, []).append(state)
    for outcome, names in alike.items():
        yield Row("; ".join(names), "clips", outcome, "–")


def closed_loop(figures: Figures) -> Iterable[Row]:
    planted, good = figures["planted"], figures["good"]
    yield Row("defects mended", f"of {planted}", percent(figures["mended"] / planted), "95.0 %")
    yield Row("good sentences spoken again", f"of {good}", percent(figures["good_spoken_again"] / good), "3.0 %")


def parity(figures: Figures) -> Iterable[Row]:
    seen, aim = figures["largest_difference"], figures["wanted"]
    how = f"{figures['sentences']} sentences"
    for name, key in (("F0, Hz", "f0"), ("energy", "energy"), ("samples", "samples"), ("F0, float64", "f0_float64")):
        yield Row(name, how, f"{seen[key]:.1e}", f"{aim:.0e}", f"{seen[key] / aim:.2f}")


def reference_parity(figures: Figures) -> Iterable[Row]:
    """Of each size the comparison that came nearest to its aim, and how many of those were equal that had to be."""
    differences = figures["differences"]
    for size, rows in differences.items() if isinstance(differences, Mapping) else [("tiny", differences)]:
        bounded = [(row["difference"] / row["wanted"], row) for row in rows if row["wanted"]]
        ratio, worst = max(bounded, key=lambda pair: pair[0])
        what = f"{size}, worst of {len(bounded)}: {worst['name']}"
        yield Row(what, "largest difference", f"{worst['difference']:.1e}", f"{worst['wanted']:.1e}", f"{ratio:.2f}")
        equal = [row["difference"] == 0 for row in rows if not row["wanted"]]
        if equal:
            yield Row(f"{size}, tokens and texts", "equal", f"{sum(equal)} of {len(equal)}", "all")


def loading(figures: Figures) -> Iterable[Row]:
    coqui = figures["coqui_ljspeech"]
    yield Row("coqui's `ljspeech` formatter", "rows equal to ours", str(coqui["metadata"]), str(coqui["metadata"]))
    if "rows" in figures["audiofolder"]:
        rows = str(figures["audiofolder"]["rows"])
        yield Row("Hugging Face audiofolder", "rows equal to ours", rows, rows)


def dataset(figures: Figures) -> Iterable[Row]:
    for row in figures["speakers"]:
        yield Row(f"{row['people']} people", "diarization error", f"{100 * row['der']:.1f} %", "15 % at most")
    ran = figures["speed"]
    yield compared("transcription", "wall clock", ran["ours_s"], ran["sequential_fp32_s"])


def xtts(figures: Figures) -> Iterable[Row]:
    rounds = figures["rounds"]

    def of(who: str, part: str, key: str) -> float:
        return float(median(one[who][part][key] for one in rounds))

    for who in ("fp32", "int8"):
        both = (who, "coqui")
        for what, part, key in (("load", "load", "total_s"), ("20 tokens", "stream", "first_s")):
            ours, theirs = (of(one, part, key) for one in both)
            yield compared(f"{who}, {what}", "wall clock", ours, theirs)
        for part, what in (("stream", "stream"), ("together", "8 requests")):
            speeds = [of(one, part, "total_s") / of(one, part, "audio_s") for one in both]
            yield compared(f"{who}, {what}", "real-time factor", speeds[0], speeds[1], unit="")
        peaks = [float(median(one[name]["peak_mb"] for one in rounds)) for name in both]
        yield compared(f"{who}, memory", "peak", peaks[0], peaks[1], unit=" MB")


def speed(figures: Figures) -> Iterable[Row]:
    for text, row in figures["texts"].items():
        both = row["ours"], row["theirs"]
        first = (f"{one['first_s']:.2f} s" for one in both)
        yield Row(f"{text}, first sound", "median", *first, f"{row['first_sound_ratio']:.2f}")
        factors = (f"{one['total_s'] / one['audio_s']:.2f}" for one in both)
        yield Row(f"{text}, real-time factor", "median", *factors, f"{row['real_time_factor_ratio']:.2f}")


def train_speed(figures: Figures) -> Iterable[Row]:
    """Ours by each method beside the reference's full training: it has no other."""
    theirs = figures["reference"]
    for method in ("full", "lora"):
        ours = figures[method]
        said = [f"{one['step_s']:.2f} s/{one['peak_bytes'] / 1e6:.0f} MB" for one in (ours, theirs)]
        ratio = "/".join(f"{ours[name] / theirs[name]:.2f}" for name in ("step_s", "peak_bytes"))
        yield Row(f"{method}, step/memory", f"{figures['size']} weights", *said, ratio)


CLAIMS = (
    Claim(
        "The embedded voices are understood and sound good",
        "embedded",
        ("embedded-int8-pt-BR", "embedded-int8-en-US"),
        embedded,
        "The worst of eight presets, twenty sentences a language, int8; reference: the aim.",
    ),
    Claim(
        "A cloned voice is like its speaker",
        "cloning --fit --judge",
        ("cloning",),
        cloning,
        "50 s of speech, effort `default`, int8, 40 sentences, by ResNet34/ERes2Net, which took no part in the fit. "
        "Reference: how alike the speaker's own recordings are. Ratio: the share of the way there from the best stock "
        "voice; aims 0.80 in the own language (*), 0.65 in others.",
    ),
    Claim(
        "A cloned voice is understood and sounds good",
        "cloning --judge",
        ("cloning",),
        cloned_sound,
        "The same sentences: change from the stock voice nearest to the speaker; reference: the aim. P808 also chose "
        "the strength of the voice.",
    ),
    Claim("Little speech is enough", "cloning", ("cloning",), amounts, "Carlo, Italian; reference: the aim."),
    Claim("What a fit of 50 s takes", "cloning --fit", ("cloning",), fit_times, "Mostly beside other work."),
    Claim("A cloned voice costs no more", "fitted", ("fitted-int8",), fitted, "Reference: a stock voice, int8."),
    Claim("A fit leaves the service quick", "beside_fit", ("beside_fit",), beside_fit, "Reference: the fit stopped."),
    Claim(
        "Another voice says the recording",
        "conversion",
        ("conversion",),
        conversion,
        "Twenty recordings of Allison. References: the recording's words, the aim, the voice's own speech.",
    ),
    Claim("Intake refuses what is unusable", "intake", ("intake",), intake, "50 s of five speakers, made worse."),
    Claim(
        "Speech that hears itself is mended",
        "closed_loop",
        ("closed_loop",),
        closed_loop,
        "Babble after the end, words left out, planted in the embedded voice. Reference: the aim.",
    ),
    Claim(
        "Transcriptions tell who says what", "who_speaks", ("who_speaks",), tables_service.who_speaks, "Real prompts."
    ),
    Claim("Our Kokoro is the export", "parity", ("parity",), parity, "Largest differences; reference: the aim."),
    Claim(
        "Our XTTS-v2 is the reference's",
        "parity_xtts",
        ("parity_xtts",),
        reference_parity,
        "`./run parity --size both`: coqui-tts with the same random weights; reference: the aim.",
    ),
    Claim(
        "Our F5-TTS is the reference's",
        "parity_f5",
        ("parity_f5", "parity_f5_tiny"),
        reference_parity,
        "f5-tts with the same random weights; reference: the aim.",
    ),
    Claim(
        "Our RVC is the reference's",
        "parity_rvc",
        ("parity_rvc_tiny",),
        reference_parity,
        "infer-rvc-python with the same random weights; reference: the aim.",
    ),
    Claim(
        "Who speaks, and transcription beside one sequential process in float32",
        "dataset",
        ("dataset",),
        dataset,
        "Mixes of prompts; transcription reference: faster-whisper, one thread, float32.",
    ),
    Claim(
        "Others read our datasets",
        "dataset_loading",
        ("dataset_loading",),
        loading,
        "Ids, sounds and texts of every row; reference: what was written.",
    ),
    Claim(
        "Our XTTS-v2 is faster and smaller",
        "xtts",
        ("xtts",),
        xtts,
        "Reference: coqui-tts; random weights, two threads.",
    ),
    Claim(
        "Our fine-tuning is faster and smaller",
        "train_speed",
        ("train_speed_full", "train_speed_tiny"),
        train_speed,
        "Reference: GPTTrainer, full; one thread. Aims: 0.67, LoRA 0.4/0.5.",
    ),
    Claim("The embedded voice is quick", "speed", ("speed-int8",), speed, "Reference: kokoro-onnx, in turn."),
    Claim("The service starts soon", "start", ("start",), tables_service.start, "On a new data folder."),
    Claim(
        "One host holds the weights",
        "host --xtts FOLDER",
        ("host",),
        tables_service.host,
        "A stream and a job of one voice; XTTS: full-size random weights. References: the aims, one job after another.",
    ),
    Claim("F5-TTS beside f5-tts", "f5", ("f5",), tables_service.f5, "Reference: f5-tts; random weights, one thread."),
    Claim("RVC is quick", "rvc", ("rvc",), tables_service.rvc, "Reference: infer-rvc-python, one thread."),
    Claim(
        "Mixed voices change step by step",
        "morph",
        ("morph",),
        tables_service.morph,
        "Eleven weights, ResNet34/ERes2Net; reference: the aim.",
    ),
    Claim(
        "Texts are read as people write them",
        "reading OLD",
        ("reading",),
        tables_service.reading,
        "Everyday texts with numbers, marks and abbreviations; reference: the same voice by the rules of 094bd7e.",
    ),
    Claim(
        "The service answers many at once",
        "api_load",
        ("api_load",),
        tables_service.load,
        "Clients, service and jobs on the same cores; reference: the aim.",
    ),
    Claim("Batches", "batch", ("batch",), tables_service.batch, "The embedded engine; reference: the aim."),
    Claim("Loaded stays loaded", "engine_cache", ("engine_cache",), tables_service.cache, "Reference: read anew."),
    Claim("The service does not grow", "soak", ("soak",), tables_service.soak, "Small jobs; reference: the aim."),
    Claim(
        "No crash loses a job, whatever drives and keeps them",
        "faults",
        ("faults",),
        tables_service.faults,
        "Workers killed at random; reference: the aim, recovery within the lease and 2 s.",
    ),
    Claim(
        "No crash loses a job",
        "crash",
        ("crash",),
        tables_service.crash,
        "Jobs over HTTP; worker or service killed at random.",
    ),
)


def machine_of(figures: Figures) -> str:
    here = figures["machine"]
    return f"{here['processor']}, {here['cores']} cores, {here['memory_gb']} GB, Python {here['python']}"


def document(folder: Path = RESULTS) -> str:
    """The whole text."""
    names = {name: None for claim in CLAIMS for name in claim.results}
    results = {name: json.loads((folder / f"{name}.json").read_text(encoding="utf-8")) for name in names}
    machines = list(dict.fromkeys(map(machine_of, results.values())))
    legend = "".join(f"Machine {letter}: {machine}.\n" for letter, machine in zip(ascii_uppercase, machines))
    letters = {name: ascii_uppercase[machines.index(machine_of(figures))] for name, figures in results.items()}
    return "\n".join([HEAD, legend, *(section(claim, results, letters) for claim in CLAIMS)])


def section(claim: Claim, results: Mapping[str, Figures], letters: Mapping[str, str]) -> str:
    about = fill(f"`./run bench {claim.command}`. {claim.note}", 120, break_on_hyphens=False)
    lines = ["| what | how | ours | reference | ratio | machine | date |", "|---|---|---|---|---|---|---|"]
    for name in claim.results:
        for row in claim.rows(results[name]):
            cells = (row.what, row.how, row.ours, row.reference, row.ratio)
            lines.append(f"| {' | '.join([*cells, letters[name], results[name]['measured_on']])} |")
    return "\n".join([f"## {claim.title}", "", about, "", *lines, ""])


def main(words: Sequence[str] | None = None) -> int:
    """0, or 1 where `--check` finds another document."""
    parser = argparse.ArgumentParser(prog="bench.tables", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args(words)
    text = document()
    if options.check:
        same = DOCUMENT.read_text(encoding="utf-8") == text
        print("docs/BENCHMARKS.md", "is up to date" if same else "differs: ./run bench tables")
        return 0 if same else 1
    DOCUMENT.write_text(text, encoding="utf-8")
    print(DOCUMENT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
