"""Which routes each module of the page asks for, read from its source; `{}` stands for what is put in."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[1] / "app" / "webui" / "js"
VALUE = r"\$\{[^{}`]*\}"  # of a template literal, without braces in it
CONSTANT = re.compile(r'^(?:export )?const (\w+) = "(/[a-z][^"]*)";', re.M)
# const path = (row) => `/somewhere/${row.id}`, also by url(…).
HELPER = re.compile(r"const (\w+) = \((?:/\*\*.*?\*/ )?(\w*)[^)]*\) => (?:url\()?`(/[^`]*)`")
ARGUMENT = r"\((?:[^()]|\([^()]*\))*\)"
PATH = re.compile(rf"""[`"'](/[a-z](?:[\w\-./]|{VALUE})*)""")
METHOD = re.compile(r"^    (\w+): (?:async )?\(.*?\) =>(.*(?:\n      .*)*)", re.M)  # of the object that api.js makes
ENDING = re.compile(r"`\$\{\w+\}(/[a-z]+)`")  # of a path whose beginning comes from elsewhere


def routes_by_module() -> dict[str, set[str]]:
    """Paths by the module's name below `js/`; those of `api.js` belong to the modules that call its functions.

    `*/end` is a path of which the module knows the end only."""
    named = _functions()
    found = {}
    for path in sorted(PAGE.rglob("*.js")):
        name = path.relative_to(PAGE).as_posix()
        if name not in ("api.js", "api-types.js"):
            text = path.read_text(encoding="utf-8")
            called = {named[one] for one in re.findall(r"\bapi\.(\w+)\b", text) if one in named}
            if routes := paths_in(text) | called:
                found[name] = routes
    return found


def paths_in(source: str) -> set[str]:
    """The paths that a module writes down, each whole."""
    text = "\n".join(line for line in source.splitlines() if not re.match(r"\s*(?:/?\*|//)", line))
    for name, path in CONSTANT.findall(text):
        text = re.sub(rf"^.*const {name} = .*$", "", text, flags=re.M)
        text = text.replace(f"${{{name}}}", path)
        text = re.sub(rf"(?<=[(\s]){name}(?=[,)])", f'"{path}"', text)
    for name, parameter, path in HELPER.findall(text):
        text = re.sub(rf"^.*const {name} = .*$", "", text, flags=re.M)
        text = _called(text, name, parameter, path)
    return {_blank(path) for path in PATH.findall(text)} | {f"*{end}" for end in ENDING.findall(text)}


def _called(text: str, name: str, parameter: str, path: str) -> str:
    """The text with the paths that a helper of that name makes in place of its calls."""
    takes_rest = path.endswith(f"${{{parameter}}}") and not path.endswith(f"/${{{parameter}}}")
    start = path.removesuffix(f"${{{parameter}}}") if takes_rest else path

    def made(call: re.Match[str]) -> str:
        rest = call[1][1:-1].strip("`\"'") if takes_rest else ""
        return start + rest

    whole = re.sub(rf"\$\{{{name}({ARGUMENT})\}}", made, text)
    return re.sub(rf"(?<![\w.]){name}({ARGUMENT})", lambda call: f'"{made(call)}"', whole)


def _blank(path: str) -> str:
    """With `{}` for values; one that is joined of two is two."""
    path = re.sub(r"\$\{[^{}]*join\(\"/\"\)\}", "{}/{}", path)
    return re.sub(VALUE, "{}", path).rstrip("/")


def _functions() -> dict[str, str]:
    """Path by the name of a function of `api.js`."""
    text = (PAGE / "api.js").read_text(encoding="utf-8")
    for name, parameter, path in re.findall(r"const (\w+) = \(/\*\*.*?\*/ (\w+)\) => `(/[^`]*)`", text):
        text = _called(text, name, parameter, path)
    found = {}
    for name, body in METHOD.findall(text):
        paths = PATH.findall(body)
        if paths:
            found[name] = _blank(paths[0])
    return found


def blank(route: str) -> str:
    return re.sub(r"\{\w+\}", "{}", route)


def fits(used: str, route: str) -> bool:
    """Whether a path of the page may be one of the route's: both may have a value where the other has a word."""
    if used.startswith("*"):
        return route.endswith(used[1:])
    one, other = used.split("/"), blank(route).split("/")
    return len(one) == len(other) and all(a == b or "{}" in (a, b) for a, b in zip(one, other))
