"""Greek letters that stand alone, as formulas and units use them."""

from __future__ import annotations

from speech.text.rules import Rule, compile_rules

_LETTERS = "αβγδεζηθικλμνξοπρστυφχψω"
_ENGLISH = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau upsilon phi chi "
    "psi omega"
)
_PORTUGUESE = (
    "alfa beta gama delta épsilon zeta eta teta iota capa lambda mi ni csi ômicron pi rô sigma tau úpsilon fi qui psi "
    "ômega"
)
_ALONE = rf"(?<![\u0370-\u03ff\u1f00-\u1fff])[{_LETTERS}{_LETTERS.upper()}](?![\u0370-\u03ff\u1f00-\u1fff])"


def rules(language: str) -> tuple[Rule, ...]:
    """The rule that says a lone Greek letter by its name in `language` (`pt` or `en`); words in Greek stay."""
    names = dict(zip(_LETTERS, (_PORTUGUESE if language == "pt" else _ENGLISH).split(), strict=True))
    return compile_rules((_ALONE, lambda found, _: f" {names[found[0].lower()]} "))
