"""A small BPE vocabulary for random XTTS-v2 checkpoints: the hub's layout, our own words, no training library.

`vocab.json` is a file of Hugging Face's tokenizers: byte-pair merges (https://arxiv.org/abs/1508.07909) after a split
at whitespace, with [STOP]=0, [UNK]=1, [SPACE]=2, [START]=261 and a token for each language where the hub has them.
"""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from pathlib import Path

MERGES = 500
LAST_LANGUAGE = 6680  # [hi]; its number makes 6681 tokens
SPECIAL = {"[STOP]": 0, "[UNK]": 1, "[SPACE]": 2, "[en]": 259, "[de]": 260, "[START]": 261, "[fr]": 262}
SPECIAL |= {"[ru]": 267, "[es]": 284, "[it]": 285, "[pt]": 286, "[cs]": 293, "[pl]": 294, "[tr]": 295, "[nl]": 297}
FULL = {"[ar]": 5022, "[zh-cn]": 5023, "[ja]": 5412, "[hu]": 5753, "[ko]": 6152, "[hi]": LAST_LANGUAGE}

LETTERS = (
    "abcdefghijklmnopqrstuvwxyz0123456789.,!?;:'\"()[]-%&$€£@#*/+=…„“”‘’«»¿¡–—"
    "àáâãäåæāăąçćčďèéêëēęěğìíîïīıłñńňòóôõöøōőœřśšşßťùúûüūůűýÿžźż"
    "абвгдежзийклмнопрстуфхцчшщъыьэюяё"
    "ءآأؤإئابةتثجحخدذرزسشصضطظعغفقكلمنهوىيًٌٍَُِّْ،؟؛"
    "अआइईउऊऋएऐओऔकखगघचछजझञटठडढणतथदधनपफबभमयरलवशषसहािीुूृेैोौ्ंःँ़।"
)
SENTENCES = """
the old lamp over the door was still burning when they came back from the harbour with their boots full of rain
she said that nothing would change this week and then she changed everything before the end of the morning
a senhora da padaria guardou o pão quente para as crianças que vinham da escola às cinco da tarde
não sei se amanhã vai chover mas o coração do jardim já está cheio de flores e de passarinhos
el tren salió de la estación cuando el sol todavía dormía detrás de las montañas del norte
le vieux pêcheur répare ses filets près de la maison où sa fille a déjà allumé le feu
der kleine junge läuft über die brücke und schließt dann leise die tür des großen hauses
il maestro ha perduto gli occhiali sulla spiaggia però continua a leggere perché conosce la storia
dziewczyna zostawiła książkę na ławce a wiatr przewracał kartki jakby czegoś szukał w środku
küçük kız bahçede çiçekleri suluyor ve annesi ona pencereden gülümseyerek bakıyordu
старый дом стоял у реки и каждую весну вода подходила к самому крыльцу но никогда не входила
de bakker zet elke ochtend zijn fiets tegen de muur en begint met zingen voordat het licht wordt
malý chlapec našel pod stromem červené jablko a řekl že ho dá své babičce k večeři
كان الرجل يجلس كل مساء أمام البحر وينتظر أن تعود السفن إلى الميناء
ni hao jintian tianqi hen hao women yiqi qu gongyuan zou zou ba zhongguo shanghai xuexi
ni3 hao3 jin1 tian1 tian1 qi4 hen3 hao3 wo3 men5 yi4 qi3 qu4 gong1 yuan2 zou3 ba5
az öreg kertész minden reggel megöntözi a rózsákat és közben halkan énekel egy régi dalt
annyeonghaseyo oneul nalssiga joayo gachi gongwone gayo hangugeo gongbu haeyo
kyou wa tenki ga yoi desu ne issho ni kouen e ikimashou arigatou gozaimasu watashi wa gakusei desu
बच्चा नदी के किनारे बैठकर अपनी माँ की पुरानी कहानी याद कर रहा था और मुस्कुरा रहा था
""".split(
    "\n"
)


def write_vocab(path: Path, *, full: bool) -> int:
    """Write `vocab.json` and give the number of tokens. Same words in both sizes; `full` pads to the hub's 6681."""
    special, merges = {**SPECIAL, **(FULL if full else {})}, _merges()
    if not full:
        special |= {name: 300 + place for place, name in enumerate(FULL)}
    words = [*dict.fromkeys(LETTERS), *("".join(pair) for pair in merges)]
    free = (number for number in itertools.count() if number not in set(special.values()))
    vocab = {**special, **dict(zip(words, free))}
    count = LAST_LANGUAGE + 1 if full else max(vocab.values()) + 1
    taken = set(vocab.values())
    vocab |= {f"unused{number}": number for number in range(count) if number not in taken}
    added = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    ordered = sorted(special.items(), key=lambda item: item[1])
    document = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": number, "special": True, "content": name, **added} for name, number in ordered],
        "normalizer": None,
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": None,
        "decoder": None,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": "[UNK]",
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "vocab": dict(sorted(vocab.items(), key=lambda item: item[1])),
            "merges": [" ".join(pair) for pair in merges],
        },
    }
    path.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    return count


def _merges() -> list[tuple[str, str]]:
    """The most frequent pair first, ties by their letters, until all are done."""
    counts = Counter(word for line in SENTENCES for word in re.findall(r"\w+", line))
    words = {word: list(word) for word in counts}
    merges: list[tuple[str, str]] = []
    while len(merges) < MERGES:
        pairs: Counter[tuple[str, str]] = Counter()
        for word, parts in words.items():
            for pair in itertools.pairwise(parts):
                pairs[pair] += counts[word]
        merges.append(max(pairs, key=lambda pair: (pairs[pair], pair)))
        for parts in words.values():
            _merge(parts, merges[-1])
    return merges


def _merge(parts: list[str], pair: tuple[str, str]) -> None:
    place = 0
    while place < len(parts) - 1:
        if (parts[place], parts[place + 1]) == pair:
            parts[place : place + 2] = ["".join(pair)]
        place += 1
