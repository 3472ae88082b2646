"""English as an American reads it out."""

from __future__ import annotations

import random
import re
import time

import pytest

from speech.text.normalize import normalize
from speech.text.sentences import split

SPOKEN = [
    ("She has 2 brothers and 11 cousins.", "She has two brothers and eleven cousins."),
    ("There are 1,234 houses.", "There are one thousand two hundred thirty-four houses."),
    ("There were 1500 chairs.", "There were one thousand five hundred chairs."),
    ("About 2,500,000 people.", "About two million five hundred thousand people."),
    ("It sold 3 million copies.", "It sold three million copies."),
    ("It happened in 1999.", "It happened in nineteen ninety-nine."),
    ("It happened in 1905.", "It happened in nineteen oh five."),
    ("Since 2005, until 2024.", "Since two thousand five, until twenty twenty-four."),
    ("In 1066 and in 2000.", "In ten sixty-six and in two thousand."),
    ("From 1900 to 2010.", "From nineteen hundred to twenty ten."),
    ("The 1990s and the '80s.", "The nineteen nineties and the eighties."),
    ("She is in her 30s.", "She is in her thirties."),
    ("From 1939-1945.", "From nineteen thirty-nine to nineteen forty-five."),
    ("Pi is 3.14.", "Pi is three point one four."),
    ("It fell by .5 points.", "It fell by point five points."),
    ("It was -3 outside.", "It was minus three outside."),
    ("Use version 3.11.2, please.", "Use version three point eleven point two, please."),
    ("It rose 12.5% in May.", "It rose twelve point five percent in May."),
    ("Between 10-20% of it.", "Between ten to twenty percent of it."),
    ("He came 1st and she came 22nd.", "He came first and she came twenty-second."),
    ("The 100th day.", "The one hundredth day."),
    ("It costs $5.20.", "It costs five dollars and twenty cents."),
    ("It costs $1,234.56.", "It costs one thousand two hundred thirty-four dollars and fifty-six cents."),
    ("It costs $1 or $0.99.", "It costs one dollar or ninety-nine cents."),
    ("It raised $1.5 million.", "It raised one point five million dollars."),
    ("It raised $3B and £2m.", "It raised three billion dollars and two million pounds."),
    ("It costs $5-10.", "It costs five to ten dollars."),
    ("It costs £3.50 or €10.", "It costs three pounds and fifty pence or ten euros."),
    ("It costs 5¢ or 20 USD.", "It costs five cents or twenty dollars."),
    ("It is $20/month.", "It is twenty dollars per month."),
    ("On 12/25/2024.", "On December twenty-fifth, twenty twenty-four."),
    ("On 25/12/2024.", "On December twenty-fifth, twenty twenty-four."),
    ("On 2024-07-04.", "On July fourth, twenty twenty-four."),
    ("On July 4th, 1999, we met.", "On July fourth, nineteen ninety-nine, we met."),
    ("On Dec. 5 we left.", "On December fifth we left."),
    ("The 4th of July.", "The fourth of July."),
    ("On 5 May 2010.", "On the fifth of May twenty ten."),
    ("In March 1985.", "In March nineteen eighty-five."),
    ("We left at 3:45 p.m. today.", "We left at three forty-five p.m. today."),
    ("We left at 9 AM. It rained.", "We left at nine a.m. It rained."),
    ("We met at 3:05.", "We met at three oh five."),
    ("We met at 3:00.", "We met at three o'clock."),
    ("We met at 14:30.", "We met at fourteen thirty."),
    ("It does 60 mph.", "It does sixty miles per hour."),
    ("It is 72°F or -5 °C.", "It is seventy-two degrees Fahrenheit or minus five degrees Celsius."),
    ("Add 1 lb or 5 lbs.", "Add one pound or five pounds."),
    ("He is 6 ft. tall.", "He is six feet tall."),
    ("Buy 16GB of memory.", "Buy sixteen gigabytes of memory."),
    ("He is 6'2\" tall.", "He is six foot two tall."),
    ("A room of 40 m².", "A room of forty square meters."),
    ("A 5-year-old boy.", "A five-year-old boy."),
    ("Call (555) 123-4567.", "Call five five five, one two three, four five six seven."),
    ("Call 1-800-555-0199.", "Call one, eight zero zero, five five five, zero one nine nine."),
    ("The code is 12345678.", "The code is one two three four five six seven eight."),
    ("Agent 007.", "Agent zero zero seven."),
    ("King Louis XIV and Henry VIII.", "King Louis the fourteenth and Henry the eighth."),
    ("Queen Elizabeth I reigned.", "Queen Elizabeth I reigned."),
    ("Queen Elizabeth II reigned.", "Queen Elizabeth the second reigned."),
    ("See Chapter IV of World War II.", "See Chapter four of World War two."),
    ("The part I like.", "The part I like."),
    ("Mr. Smith and Mrs. Jones.", "Mister Smith and Missus Jones."),
    ("Dr. Lee of St. Mary's.", "Doctor Lee of Saint Mary's."),
    ("He lives on Main St. near us.", "He lives on Main Street near us."),
    ("Fruit, e.g. apples, i.e. pomes.", "Fruit, for example apples, that is pomes."),
    ("Rice, beans, etc. Then he left.", "Rice, beans, et cetera. Then he left."),
    ("Gen. Brown and Sen. White.", "General Brown and Senator White."),
    ("See p. 12 and No. 5.", "See page twelve and number five."),
    ("The U.S. Army.", "The US Army."),
    ("Visit www.example.com/help.", "Visit www dot example dot com slash help."),
    ("Mail john_doe@example.com.", "Mail john underscore doe at example dot com."),
    ("Add 1/2 cup and 2 3/4 spoons.", "Add one half cup and two and three quarters spoons."),
    ("Add 2/3 of it.", "Add two thirds of it."),
    ("Open 24/7.", "Open twenty-four seven."),
    ("R&D costs.", "R and D costs."),
    ("2 + 2 = 4.", "Two plus two equals four."),
    ("We are #1 on #music.", "We are number one on hashtag music."),
    ("The COVID-19 years.", "The COVID nineteen years."),
    ("Tea w/ milk w/o sugar.", "Tea with milk without sugar."),
    ("It ended. 25 people left. $5 was lost.", "It ended. Twenty-five people left. Five dollars was lost."),
    ("Hello\u200b  world 😀 “yes”…", 'Hello world "yes"…'),
    ("a 10x15 cm photo", "a ten by fifteen centimeters photo"),
]


@pytest.mark.parametrize(("written", "spoken"), SPOKEN)
def test_spoken(written: str, spoken: str) -> None:
    assert normalize(written, "en-US") == spoken


@pytest.mark.parametrize(("written", "spoken"), SPOKEN)
def test_spoken_text_is_left_alone(written: str, spoken: str) -> None:
    assert normalize(spoken, "en-US") == spoken


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("On 5/12/2024.", "On the fifth of December twenty twenty-four."),
        ("There are 1,234.", "There are one thousand two hundred and thirty-four."),
        ("It is 5 km.", "It is five kilometres."),
    ],
)
def test_british(written: str, spoken: str) -> None:
    assert normalize(written, "en-GB") == spoken


@pytest.mark.parametrize("language", ["fr", "ja-JP", "hi"])
def test_other_languages_keep_their_numbers(language: str) -> None:
    assert normalize("«Oui»  12,5\u200b % 😀", language) == '"Oui" 12,5 %'


def test_no_digit_is_left_and_a_second_pass_changes_nothing() -> None:
    source = random.Random(5)
    for _ in range(400):
        mess = ["".join(source.choices("0123456789.,:/-+%$°²() \nRkx@#'", k=source.randint(1, 9))) for _ in range(4)]
        text = " ".join(source.sample([written for written, _ in SPOKEN] + mess * 10, k=6))
        once = normalize(text, "en-US")
        assert not re.search(r"\d", once), (text, once)
        assert normalize(once, "en-US") == once, text


def test_sentences_are_the_same_before_and_after() -> None:
    text = "Mr. Lee left at 3 p.m. 25 people stayed. $10 was gone! Dr. Ray saw it? 2nd place is mine."
    assert len(split(normalize(text, "en-US"), 400)) == 5


@pytest.mark.parametrize("language", ["en-US", "pt-BR", "fr"])
@pytest.mark.parametrize(
    "unit", ["1", "1.", "1,", "a.", "I ", "1/", "1-", "www.", "a@", "$1 ", "X", "- ", "(1) ", "\n"]
)
def test_hostile_repetition_ends(unit: str, language: str) -> None:
    started = time.thread_time()
    normalize(unit * (10_000 // len(unit)), language)
    assert time.thread_time() - started < 2


@pytest.mark.parametrize("language", ["en-US", "pt-BR"])
@pytest.mark.parametrize(
    "form", ["{}", "-{}", "${}", "R$ {} mil", "{}%", "{} kg", "{}º", "{}th", "{}/2", "1/{}", "{}x", "{}h"]
)
@pytest.mark.parametrize("digits", ["9" * 16, "9" * 5000, "1" + ",000" * 9, "1" + ".000" * 9, "1." + "3" * 5000])
def test_numbers_of_any_length_are_spoken(digits: str, form: str, language: str) -> None:
    spoken = normalize(form.format(digits), language)
    assert spoken and not re.search(r"\d", spoken)
