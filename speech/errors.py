"""Errors of the library: a code and the values that fill its text.

The texts, in every language of the product, are in `app/texts/*.json`; the library itself carries only
the code, so that one sentence has one home.
"""


class SpeechError(Exception):
    """A request that cannot be carried out as it was asked.

    `code` names a text of the catalogue, such as `unknown_voice`; `values` fill its `{placeholders}`.
    """

    def __init__(self, code: str, **values: object) -> None:
        super().__init__(code, values)
        self.code = code
        self.values = values

    def __str__(self) -> str:
        filled = ", ".join(f"{name}={value!r}" for name, value in self.values.items())
        return f"{self.code}({filled})"
