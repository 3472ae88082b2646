"""The command line: reads the words, picks a command, and says every failure in one line."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, NoReturn

from app.commands.arguments import number
from app.commands.batch_arguments import add_batch_arguments, batch
from app.commands.console import Console, language_of
from app.commands.dataset_arguments import add_arguments
from app.commands.morph_arguments import add_morph_arguments
from app.commands.operators_arguments import add_operators
from app.errors import Problem
from app.statuses import STATUS
from speech.errors import SpeechError

if TYPE_CHECKING:
    from app.settings import Settings

OK, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
# The operator's own words, although a client of the service would see them as the service's fault.
BAD_REQUESTS = (*range(400, 500), 501)  # of app.errors.STATUS
BAD_SETTINGS = frozenset({"unknown_setting", "bad_setting", "host_open_refused"})
Command = Callable[[argparse.Namespace, Console], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. 0: done; 1: it failed; 2: it was asked for wrongly; 130: interrupted."""
    console = Console(language_of(os.environ))
    try:
        options = parse(console, sys.argv[1:] if arguments is None else arguments)
        command: Command = options.command
        return command(options, console)
    except (SpeechError, Problem) as error:
        console.fail(error.code, error.values)
        return BAD_INPUT if error.code in BAD_SETTINGS or STATUS[error.code] in BAD_REQUESTS else FAILED
    except KeyboardInterrupt:
        console.note("")
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains at its end
        return FAILED
    except Exception as error:  # a person gets a line; PAPAGAIO_LOG_LEVEL=DEBUG shows where
        if os.environ.get("PAPAGAIO_LOG_LEVEL") == "DEBUG":
            traceback.print_exc()
        console.fail("command_failed", {"kind": type(error).__name__, "reason": str(error) or "-"})
        return FAILED


def parse(console: Console, arguments: Sequence[str]) -> argparse.Namespace:
    """Raises SpeechError `unknown_command`, `unknown_option`, `missing_argument`, `bad_argument`; exits for help."""
    parser = build_parser(console)
    options, rest = parser.parse_known_args(list(arguments))
    chosen: Parser = options.parser
    if rest:
        raise SpeechError("unknown_option", names=rest, choices=chosen.words())
    if not hasattr(options, "command"):
        raise SpeechError("missing_argument", names=[chosen.commands_name], choices=chosen.commands())
    return options


class Parser(argparse.ArgumentParser):
    """argparse in the user's language, refusing with codes of the catalogue."""

    def __init__(self, console: Console, **options: Any) -> None:
        super().__init__(add_help=False, allow_abbrev=False, formatter_class=formatter(console), **options)
        self.console = console
        self._positionals.title = console.text("cli.help.arguments")
        self._optionals.title = console.text("cli.help.options")
        self.commands_name = console.text("cli.help.command")
        self.add_argument("-h", "--help", action="help", help=console.text("cli.help.help"))
        self.set_defaults(parser=self)

    def option(self, *names: str, **options: Any) -> None:
        """An argument whose help is the text `cli.help.<name>`."""
        text = self.console.text(f"cli.help.{names[-1].lstrip('-').replace('-', '_')}")
        self.add_argument(*names, help=text, **options)

    def group(self) -> argparse._SubParsersAction[Parser]:
        title = self.console.text("cli.help.commands")
        return self.add_subparsers(title=title, metavar=self.commands_name, prog=self.prog)

    def command(self, group: argparse._SubParsersAction[Parser], name: str, run: Command | None) -> Parser:
        prog = f"{self.prog} {name}".removeprefix("papagaio ").replace(" ", "_")
        text = self.console.text(f"cli.help.{prog}")
        made = group.add_parser(name, console=self.console, help=text, description=text)
        if run:
            made.set_defaults(command=run)
        return made

    def words(self) -> list[str]:
        return sorted({word for action in self._actions for word in action.option_strings}) + self.commands()

    def commands(self) -> list[str]:
        groups = [action for action in self._actions if isinstance(action, argparse._SubParsersAction)]
        return [name for group in groups for name in group.choices]

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            raise SpeechError("unknown_command", name=value, choices=list(action.choices))

    def error(self, message: str) -> NoReturn:
        _, required, names = message.partition("arguments are required: ")
        if required:
            raise SpeechError("missing_argument", names=[names], choices=self.words())
        if "expected one argument" in message:
            raise SpeechError("missing_value", name=message.removeprefix("argument ").partition(":")[0])
        raise SpeechError("bad_argument", reason=message.removeprefix("argument "), choices=self.words())


def formatter(console: Console) -> type[argparse.HelpFormatter]:
    class Formatter(argparse.HelpFormatter):
        def add_usage(self, usage: Any, actions: Any, groups: Any, prefix: str | None = None) -> None:
            own = console.text("cli.help.usage") + " " if prefix is None else prefix
            super().add_usage(usage, actions, groups, own)

    return Formatter


def build_parser(console: Console) -> Parser:
    parser = Parser(console, prog="papagaio", description=console.text("cli.help.papagaio"))
    parser.add_argument("--version", action="version", version=_version(), help=console.text("cli.help.version"))
    group = parser.group()
    served = parser.command(group, "serve", serve)
    served.option("--host")
    served.option("--port", type=number(int))
    served.option("--open", action="store_true")
    worker = parser.command(group, "worker", work)
    worker.option("--queue", default="cpu")
    worker.option("--listen")
    _speak_options(parser.command(group, "speak", speak))
    add_batch_arguments(parser.command(group, "batch", batch))
    _read_options(parser.command(group, "read", read))
    _dictionary_options(parser.command(group, "dictionary", None))
    _clone_options(parser.command(group, "clone", clone))
    _convert_options(parser.command(group, "convert", convert))
    add_morph_arguments(parser.command(group, "morph", None))
    models = parser.command(group, "models", None)
    actions = models.group()
    for name in ("list", "pull", "verify", "licences"):
        action = models.command(actions, name, _models_command(name))
        if name in ("pull", "verify"):
            action.option("names", nargs="*", metavar=console.text("cli.help.name"))
        if name == "pull":
            action.option("--accept-licence")
    add_arguments(parser.command(group, "dataset", None))
    _voices_options(parser.command(group, "voices", None), console)
    add_operators(parser, group)
    spoken_to = parser.command(group, "wyoming", serve_wyoming)
    spoken_to.add_argument("--host", help=console.text("cli.help.wyoming_host"))
    spoken_to.add_argument("--port", type=number(int), help=console.text("cli.help.wyoming_port"))
    spoken_to.add_argument("--account", help=console.text("cli.help.wyoming_account"))
    parser.command(group, "doctor", diagnose)
    return parser


def _speak_options(parser: Parser) -> None:
    parser.option("text")
    parser.option("-o", "--output", required=True)
    for name in ("--voice", "--language", "--format", "--engine", "--profile", "--accept-licence"):
        parser.option(name)
    parser.option("--speed", type=number(float))
    parser.option("--seed", type=number(int))
    parser.option("--wrapping", choices=("auto", "keep", "join"), default="auto")
    parser.option("--check-words", action="store_true")
    parser.option("--check-tries", type=number(int))


def _read_options(parser: Parser) -> None:
    parser.add_argument("text", help=parser.console.text("cli.help.text"))
    parser.add_argument("--language", help=parser.console.text("cli.help.language"))
    parser.add_argument("--voice", help=parser.console.text("cli.help.read_voice"))
    parser.option("--wrapping", choices=("auto", "keep", "join"), default="auto")
    parser.option("--json", action="store_true")


def _dictionary_options(parser: Parser) -> None:
    text, actions = parser.console.text, parser.group()
    parser.command(actions, "list", _dictionary_command("list_entries")).option("--search")
    added = parser.command(actions, "add", _dictionary_command("add_entry"))
    added.add_argument("written", help=text("cli.help.dictionary_written"))
    added.add_argument("spoken", nargs="?", help=text("cli.help.dictionary_spoken"))
    for name in ("phonemes", "language", "voice"):
        added.add_argument(f"--{name}", help=text(f"cli.help.dictionary_{name}"))
    added.add_argument("--pattern", action="store_true", help=text("cli.help.dictionary_pattern"))
    deleted = parser.command(actions, "delete", _dictionary_command("delete_entry"))
    deleted.add_argument("entry", type=number(int), help=text("cli.help.dictionary_entry"))
    exported = parser.command(actions, "export", _dictionary_command("export_entries"))
    exported.add_argument("-o", "--output", default="-", help=text("cli.help.dictionary_output"))
    imported = parser.command(actions, "import", _dictionary_command("import_entries"))
    imported.add_argument("file", help=text("cli.help.dictionary_file"))
    imported.add_argument("--replace", action="store_true", help=text("cli.help.dictionary_replace"))


def _voices_options(parser: Parser, console: Console) -> None:
    actions = parser.group()
    for name in ("list", "export", "import", "delete"):
        action = parser.command(actions, name, _voices_command(name))
        if name == "import":
            action.add_argument("file", help=console.text("cli.help.voice_file"))
            action.add_argument("--name", help=console.text("cli.help.voice_name"))
        elif name != "list":
            action.add_argument("name", help=console.text("cli.help.fitted_voice"))
        if name == "export":
            action.add_argument("-o", "--output", required=True, help=console.text("cli.help.voice_output"))
            action.option("--onnx", action="store_true")


def _clone_options(parser: Parser) -> None:
    text = parser.console.text
    parser.add_argument("recordings", nargs="*", help=text("cli.help.clone_recordings"))
    parser.add_argument("--dataset", help=text("cli.help.clone_dataset"))
    parser.add_argument("--speaker", help=text("cli.help.clone_speaker"))
    parser.add_argument("--max-steps", type=number(int), help=text("cli.help.clone_max_steps"))
    parser.add_argument("--name", required=True, help=text("cli.help.clone_name"))
    parser.add_argument("--consent", action="store_true", help=text("cli.help.clone_consent"))
    parser.add_argument("--text", help=text("cli.help.clone_text"))
    parser.add_argument("--effort", help=text("cli.help.clone_effort"))
    parser.add_argument("--engine", help=text("cli.help.clone_engine"))
    parser.option("--accept-licence")
    parser.add_argument("--language", help=text("cli.help.clone_language"))


def _convert_options(parser: Parser) -> None:
    text = parser.console.text
    parser.add_argument("recording", help=text("cli.help.convert_recording"))
    parser.add_argument("--voice", required=True, help=text("cli.help.convert_voice"))
    parser.option("-o", "--output", required=True)
    parser.option("--format")
    parser.add_argument("--language", help=text("cli.help.convert_language"))
    parser.add_argument("--text", help=text("cli.help.convert_text"))
    parser.add_argument("--pitch", help=text("cli.help.convert_pitch"))


def serve(options: argparse.Namespace, console: Console) -> int:
    from app.main import serve as run
    from app.settings import load_settings

    given = {name: getattr(options, name) for name in ("host", "port") if getattr(options, name) is not None}
    settings = load_settings(**given)
    if options.open and not settings.port:
        raise SpeechError("open_needs_port")
    if options.open:
        _open_when_up(f"http://{settings.host}:{settings.port}/webui")
    _tell_set_up(settings, console)
    run(settings)
    return OK


def serve_wyoming(options: argparse.Namespace, console: Console) -> int:
    from app.commands.wyoming import wyoming

    return wyoming(options, console)


def _tell_set_up(settings: Settings, console: Console) -> None:
    """The one-time link by which the first account is made, while there is none."""
    from app.security.accounts import AccountStore
    from app.security.setup import setup_token
    from app.storage.database import Database

    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with closing(Database(settings.url)) as database:
        database.migrate()
        if AccountStore(database).has_any():
            return
    url = f"http://{settings.host}:{settings.port}/webui#/account?token={setup_token(settings.data_dir)}"
    console.note(console.text("cli.setup", url=url))


def _open_when_up(url: str) -> None:
    """Show the page in the user's browser as soon as it answers, from a thread that ends with the service."""
    import threading
    import time
    import urllib.error
    import urllib.request
    import webbrowser

    def wait() -> None:
        for _ in range(100):
            try:
                urllib.request.urlopen(url, timeout=1).close()  # nosec B310  # this service's own address
                webbrowser.open(url)
                return
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)

    threading.Thread(target=wait, name="open-page", daemon=True).start()


def work(options: argparse.Namespace, console: Console) -> int:
    """A worker beside the service, on the same data folder; SIGTERM ends it after the sentence or step in hand."""
    import socket

    from app.jobs.kinds import QUEUES
    from app.settings import load_settings
    from app.storage.database import Database
    from app.worker import keep_workers, work_alone

    if options.queue not in QUEUES:
        raise Problem("unknown_queue", queue=options.queue, choices=list(QUEUES))
    settings = load_settings(**({"engine_listen": options.listen} if options.listen else {}))
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with closing(Database(settings.url)) as database:
        database.migrate()
    if settings.jobs == "celery":
        keep_workers(settings, options.queue)
        return OK
    work_alone(settings, f"{socket.gethostname()}:{os.getpid()}", options.queue, settings.engine_listen)
    return OK


def speak(options: argparse.Namespace, console: Console) -> int:
    from app.commands.speak import speak as run

    return run(options, console)


def read(options: argparse.Namespace, console: Console) -> int:
    from app.commands.read import read as run

    return run(options, console)


def _dictionary_command(name: str) -> Command:
    def run(options: argparse.Namespace, console: Console) -> int:
        from app.commands import dictionary

        chosen: Command = getattr(dictionary, name)
        return chosen(options, console)

    return run


def clone(options: argparse.Namespace, console: Console) -> int:
    from app.commands.clone import clone as run

    return run(options, console)


def convert(options: argparse.Namespace, console: Console) -> int:
    from app.commands.convert import convert as run

    return run(options, console)


def _models_command(name: str) -> Command:
    def run(options: argparse.Namespace, console: Console) -> int:
        from app.commands import models

        commands = {"list": models.list_models, "pull": models.pull_models, "verify": models.verify_models}
        return commands.get(name, models.licences)(options, console)

    return run


def _voices_command(name: str) -> Command:
    def run(options: argparse.Namespace, console: Console) -> int:
        from app.commands import voices

        commands = {"list": voices.list_voices, "export": voices.export_voice, "import": voices.import_voice}
        return commands.get(name, voices.delete_voice)(options, console)

    return run


def diagnose(options: argparse.Namespace, console: Console) -> int:
    from app.commands.doctor import doctor as run

    return run(options, console)


def _version() -> str:
    from app import VERSION

    return f"papagaio {VERSION}"


if __name__ == "__main__":
    sys.exit(main())
