"""Rows of `docs/BENCHMARKS.md` on the service and on what its newer engines do; `bench.tables` puts them together."""

from __future__ import annotations

from collections.abc import Iterable

from bench.api_load import FEW
from bench.table_rows import Figures, Row, compared, percent


def morph(figures: Figures) -> Iterable[Row]:
    for name, row in figures["morphs"].items():
        quality = f"{100 * row['morphing_quality']:.1f} %"
        yield Row(f"{name}, morphing quality", f"{row['words']} words a weight", quality, "85 %")
        rise = f"{100 * row['word_error_rise']:+.1f} points"
        yield Row(f"{name}, words wrong", "mean over the weights", rise, "+3.0 points")
    for name, row in figures["styles"].items():
        shares = "/".join(f"{share:.2f}" for share in row["share_of_own_likeness"].values())
        yield Row(f"{name}, style: likeness kept", "share of its own", shares, "0.80")
        moved = "/".join(f"{row['moved'][key]:.2f}" for key in ("f0_semitones", "level_spread_db"))
        yield Row(f"{name}, style: F0/level moved", "share of the way", moved, "1.00")
        for of, rows in row["contour_correlation"].items():
            said = (f"{rows[one]:.2f}" for one in ("style", "timbre"))
            yield Row(f"{name}, style: contour of {of}", "correlation to the prosody's voice", *said)


def batch(figures: Figures) -> Iterable[Row]:
    how = f"{figures['jobs']} texts, {figures['engine']}"
    yield Row("whole batch, each job", how, f"{figures['whole_s_per_job']:.2f} s", f"{figures['target_s']:.0f} s")
    within = f"{figures['jobs_within_target']} of {figures['jobs']}"
    yield Row("jobs within the aim", "start to end", within, f"{figures['jobs']} of {figures['jobs']}")
    yield Row("jobs a minute", how, f"{figures['jobs_per_minute']:.0f}", "–")


def cache(figures: Figures) -> Iterable[Row]:
    how = f"{figures['runs']} runs, median"
    for name, row in figures["engines"].items():
        yield compared(f"{name}: held in memory", how, row["warm_s"], row["cold_s"])
    for name, row in figures["alternating"].items():
        loads = f"{row['loads']} loads, {row['evictions']} evictions"
        yield Row(f"two by turns, {name}", loads, f"{row['turn_s']:.2f} s a turn", "–")


def rvc(figures: Figures) -> Iterable[Row]:
    ours, theirs = figures["ours"], figures["infer-rvc-python"]
    for what, key, unit in (("load", "load_s", "s"), ("conversion", "convert_s", "s"), ("memory", "peak_mb", "MB")):
        digits = 0 if unit == "MB" else 2
        said = (f"{one[key]:.{digits}f} {unit}" for one in (ours, theirs))
        yield Row(what, f"{figures['seconds_of_sound']:.0f} s of sound", *said, f"{ours[key] / theirs[key]:.2f}")


def f5(figures: Figures) -> Iterable[Row]:
    ours, theirs = figures["ours"], figures["f5-tts"]
    how = f"{figures['audio_s']:.2f} s of speech, {figures['steps']} steps"
    yield compared("load", how, ours["load_s"], theirs["load_s"])
    yield compared("speech, processor time", how, ours["cpu_s"], theirs["cpu_s"])
    yield compared("memory", how, ours["memory_mb"], theirs["memory_mb"], unit=" MB")


def load(figures: Figures) -> Iterable[Row]:
    routes, jobs, idle, sockets = (figures[name] for name in ("routes", "jobs", "idle", "sockets"))
    for clients, row in ((figures["clients"], routes), (FEW, figures["routes_by_few"])):
        asked = f"{clients} clients, {row['requests_per_s']:.0f} requests/s"
        yield Row("routes that do not speak, p95", asked, f"{row['p95_ms']:.0f} ms", "100 ms")
    faults = sum(count for status, count in routes["statuses"].items() if int(status) >= 500)
    yield Row("5xx", f"{routes['requests']} requests", str(faults), "0")
    yield Row("empty jobs done", f"{jobs['jobs']} jobs", f"{jobs['done_per_s']:.0f}/s", "150/s")
    yield Row("submit to done, idle, p95", f"{idle['jobs']} jobs", f"{idle['p95_ms']:.0f} ms", "80 ms")
    whole = sockets["sockets_with_every_event_once_in_order"]
    how = f"{sockets['events']} events each"
    yield Row("sockets that had every event once, in order", how, str(whole), str(sockets["sockets"]))


def soak(figures: Figures) -> Iterable[Row]:
    how = f"{figures['held'][-1]['jobs']} jobs"
    yield Row("growth of memory", how, f"{figures['growth_mb_per_thousand']:.2f} MB a thousand", "1 MB a thousand")
    yield Row("growth of descriptors", how, str(figures["more_descriptors"]), "0")


def faults(figures: Figures) -> Iterable[Row]:
    bound = f"{figures['lease_s'] + 2:.0f} s"
    for name in ("embedded_sqlite", "embedded_postgresql", "celery_sqlite", "celery_postgresql"):
        if name in figures:
            row, what = figures[name], name.replace("_", ", ")
            how = f"{row['jobs']} jobs, {row['kills']} kill -9"
            yield Row(f"{what}: lost/finished twice", how, f"{row['lost']}/{row['finished_twice']}", "0/0")
            recovery = max(row["recovery_kept_s"], row["recovery_bare_s"])
            yield Row(f"{what}: recovery", "slowest", f"{recovery:.1f} s", bound)


def host(figures: Figures) -> Iterable[Row]:
    yield Row("all processes", "shares (PSS)", f"{figures['memory']['all_mb']} MB", "650 MB")
    yield Row("hop to the first sound", "median", f"{figures['hop']['hop_ms']:.1f} ms", "5 ms")
    if "beside" in figures:
        row = figures["beside"]
        first_s = [one["first_s"] for one in row["streams"]]
        yield Row("first sound of 4 streams beside 4 jobs", "4 at once", f"{min(first_s)} to {max(first_s)} s", "–")
        rates = (row[name]["sound_a_second"] for name in ("jobs_beside", "jobs_alone"))
        yield compared("sound a second of the 4 jobs beside them", "alone", *rates, unit=" s")
    if "xtts" in figures:
        row = figures["xtts"]
        said = (f"{row[name]:.0f} s" for name in ("at_once_s", "one_by_one_s"))
        yield Row(
            f"{row['jobs']} XTTS jobs at once", "one by one", *said, f"{row['at_once_s'] / row['one_by_one_s']:.2f}"
        )


def who_speaks(figures: Figures) -> Iterable[Row]:
    for row in figures["conversations"]:
        for way, told in {"letters": "without references", "names": "8 s of each known"}.items():
            found = row[way]
            people = f"{row['people']} people, {row['recorded_s']:.0f} s, {told}"
            yield Row(people, f"{found['words']} words, {found['found']} found", percent(found["right"]), "–")


def reading(figures: Figures) -> Iterable[Row]:
    for language, rates in figures["word_error_rate"].items():
        said = (f"{100 * rates[name]:.1f} %" for name in ("after", "before"))
        ratio = f"{rates['after'] / rates['before']:.2f}"
        yield Row(f"{language}, words wrong", f"Whisper base, {figures['texts']} texts", *said, ratio)


def start(figures: Figures) -> Iterable[Row]:
    how = f"median of {figures['runs']}"
    yield compared("import app.main", how, figures["import_s"], 1.0)
    yield Row("to first answer", how, f"{figures['answer_s']:.2f} s", "–")
    yield Row("nothing compiled yet", how, f"{figures['first_answer_s']:.2f} s", "–")


def crash(figures: Figures) -> Iterable[Row]:
    jobs, once = sum(figures["statuses"].values()), figures["completed_once"]
    how = f"{sum(figures['killed'].values())} times kill -9"
    yield Row("completed, each once", how, f"{once}", f"{jobs}", f"{once / jobs:.2f}")
