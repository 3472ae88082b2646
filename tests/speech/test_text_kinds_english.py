"""Kinds of English text that people bring: what each written form is said as, a table a kind."""

from __future__ import annotations

import pytest

from speech.text.normalize import normalize
from speech.text.sentences import split

KINDS = {
    "a letter after the name of a class": [
        ("A USB Type C cable.", "A USB Type C cable."),
        ("Group C, Section C and Class C.", "Group C, Section C and Class C."),
        ("Schedule C and Grade C.", "Schedule C and Grade C."),
        ("Part C of Medicare.", "Part C of Medicare."),
        ("Act I, Stage V.", "Act one, Stage five."),
        ("Chapter X of Title L.", "Chapter ten of Title L."),
        ("Type X and Chapter C.", "Type X and Chapter one hundred."),
        ("Class II and Phase III.", "Class two and Phase three."),
    ],
    "a time before a capital": [
        ("Let's meet at 3 PM Tuesday at the office.", "Let's meet at three PM Tuesday at the office."),
        ("Call at 10pm EST on Friday.", "Call at ten PM EST on Friday."),
        ("It is on at 8 p.m. Eastern.", "It is on at eight p.m. Eastern."),
        ("It starts at 9am Monday.", "It starts at nine AM Monday."),
        ("We left at 9 AM. It rained.", "We left at nine a.m. It rained."),
        ("At 3:30 PM London time.", "At three thirty PM London time."),
        ("At 3 p.m. I left.", "At three p.m. I left."),
        ("It ends at 5 p.m. March 3.", "It ends at five p.m. March third."),
    ],
    "letters with stops": [
        ("He works for the F.B.I. He likes it.", "He works for the FBI. He likes it."),
        ("She lives in the U.S. She likes it.", "She lives in the US. She likes it."),
        ("Made in the U.S.A. It lasts.", "Made in the USA. It lasts."),
        ("He got a D.U.I. He paid.", "He got a DUI. He paid."),
        ("In 5 B.C. Then it fell.", "In five BC. Then it fell."),
        ("The U.S. Army.", "The US Army."),
        ("The U.K. Parliament sat.", "The UK Parliament sat."),
        ("He left D.C. Nobody saw.", "He left DC. Nobody saw."),
    ],
    "ranges of two whole amounts": [
        ("It grows 5%-10%.", "It grows five percent to ten percent."),
        ("It costs $5–$10.", "It costs five dollars to ten dollars."),
        ("It costs $150-$250.", "It costs one hundred fifty dollars to two hundred fifty dollars."),
        (
            "It costs £1.5m–£2m.",
            "It costs one point five million pounds to two million pounds.",
        ),
        ("It is 10°C–20°C.", "It is ten degrees Celsius to twenty degrees Celsius."),
        ("Open 9:30-5:30.", "Open nine thirty to five thirty."),
        ("From 10:30-11:45 a.m. today.", "From ten thirty to eleven forty-five a.m. today."),
        ("Open 9am-5pm.", "Open nine a.m. to five p.m."),
        ("At 3–4 p.m. today.", "At three to four p.m. today."),
        ("At 6-8am.", "At six to eight a.m."),
        ("It holds 1,000-2,000 people.", "It holds one thousand to two thousand people."),
        ("About 1.5-2.5 million.", "About one point five to two point five million."),
        ("It is 2.5-3.5%.", "It is two point five to three point five percent."),
        ("In 2023-24.", "In twenty twenty-three to twenty-four."),
        ("The war of 1939–45.", "The war of nineteen thirty-nine to forty-five."),
        ("Run 5km-10km.", "Run five kilometers to ten kilometers."),
        ("Read John 3:16-18.", "Read John three sixteen to eighteen."),
        ("It was $1.5-2 billion.", "It was one point five to two billion dollars."),
    ],
    "abbreviations before numbers and names": [
        ("See Eq. (2) there.", "See equation (two) there."),
        ("Call ext. 123.", "Call extension one hundred twenty-three."),
        ("Play Op. 27 now.", "Play opus twenty-seven now."),
        ("Wait max. 10 days.", "Wait maximum ten days."),
        ("At temp. 20 it melts.", "At temperature twenty it melts."),
        ("See Ref. 5 and eqs. 3.", "See reference five and equations three."),
        ("Save Pvt. Ryan.", "Save Private Ryan."),
        ("See lbl. 12 there.", "See lbl twelve there."),
        ("I have a dog. 5 cats came.", "I have a dog. Five cats came."),
    ],
    "section numbers": [
        ("See section 1.01.02 first.", "See section one point oh one point oh two first."),
        ("Rule 3.10.04 holds.", "Rule three point ten point oh four holds."),
        ("Clause 2.1.1 ends.", "Clause two point one point one ends."),
        ("On 12.31.2024.", "On December thirty-first, twenty twenty-four."),
        ("Use version 1.02.03.", "Use version one point oh two point oh three."),
    ],
    "characters that are another shape": [
        ("Part Ⅲ.", "Part three."),
        ("It emits CO₂.", "It emits CO two."),
        ("It is 10⁻³ m.", "It is ten to the power of minus three meters."),
        ("It weighs 5 ㎏.", "It weighs five kilograms."),
        ("It is 10^6.", "It is ten to the power of six."),
        ("Step ①.", "Step one."),
        ("Add ⅔ cup.", "Add two thirds cup."),
        ("A room of 20㎡.", "A room of twenty square meters."),
    ],
    "Greek letters": [
        ("A 10 kΩ resistor.", "A ten kilohm resistor."),
        ("It has 10 kΩ.", "It has ten kilohms."),
        ("The α rays.", "The alpha rays."),
        ("The Δt is small.", "The delta t is small."),
        ("It is 5 μm wide.", "It is five micrometers wide."),
        ("It is 5 µm wide.", "It is five micrometers wide."),
        ("It takes 3 μs.", "It takes three microseconds."),
        ("The π of 2π.", "The pi of two pi."),
        ("The β and γ.", "The beta and gamma."),
    ],
    "addresses and file names": [
        ("Read bbc.co.uk today.", "Read B B C dot co dot U K today."),
        ("Go to bit.ly/abc now.", "Go to bit dot L Y slash abc now."),
        ("See youtu.be here.", "See youtu dot B E here."),
        ("See t.co now.", "See T dot co now."),
        ("Run main.py now.", "Run main dot P Y now."),
        ("Read README.md.", "Read README dot M D."),
        ("It uses node.js here.", "It uses node dot J S here."),
        ("Open report.pdf.", "Open report dot P D F."),
        ("He said so.it rained.", "He said so.it rained."),
    ],
    "numbers with an ending, a hyphen or a unit": [
        ("There are 100s of users.", "There are hundreds of users."),
        ("It has 1,000s of rows and 10s of tables.", "It has thousands of rows and tens of tables."),
        ("It was a $1.5-million deal.", "It was a one point five million dollar deal."),
        ("It is 12 ft. The door is open.", "It is twelve feet. The door is open."),
        ("I write C# and play F#.", "I write C sharp and play F sharp."),
        ("I have a $20 bill.", "I have a twenty dollar bill."),
        ("The 40cm gap.", "The forty centimeter gap."),
        ("The $20 was gone.", "The twenty dollars was gone."),
        ("A 16:9 screen at 2:1.", "A sixteen to nine screen at two to one."),
        ("On 2023/01/02.", "On January second, twenty twenty-three."),
        ("It is 1.5x faster.", "It is one point five times faster."),
        ("Fruit e.g.this one.", "Fruit for example this one."),
        ("It takes 100s.", "It takes one hundred seconds."),
        ("On 12/25 we met.", "On December twenty-fifth we met."),
        ("A 5 km run.", "A five kilometer run."),
        ("Read Isaiah 56:12 and Job 16:3.", "Read Isaiah fifty-six twelve and Job sixteen three."),
        ("Lost his $20 now.", "Lost his twenty dollars now."),
        ("The PDP-11/24 ran.", "The PDP-eleven over twenty-four ran."),
    ],
    "Roman numerals": [
        ("Thutmose II reigned.", "Thutmose the second reigned."),
        ("I play Final Fantasy VII.", "I play Final Fantasy seven."),
        ("In the XIX century.", "In the nineteenth century."),
        ("See section iii.", "See section three."),
        ("Ramesses II and Diablo II.", "Ramesses the second and Diablo two."),
        ("In the XXth century.", "In the twentieth century."),
        ("Read chapter iv.", "Read chapter four."),
        ("Oscar Hammerstein II wrote it.", "Oscar Hammerstein the second wrote it."),
        ("I play the Civic mix.", "I play the Civic mix."),
    ],
    "forms of money": [
        ("It costs €29,99.", "It costs twenty-nine euros and ninety-nine cents."),
        ("It costs 27,50 €.", "It costs twenty-seven euros and fifty cents."),
        ("It costs A$50.", "It costs fifty Australian dollars."),
        ("It costs ₹500.", "It costs five hundred rupees."),
        ("It costs $.50.", "It costs fifty cents."),
        ("It costs C$5 or NZ$1.", "It costs five Canadian dollars or one New Zealand dollar."),
        ("He owes $-20.", "He owes minus twenty dollars."),
        ("It costs HK$3m.", "It costs three million Hong Kong dollars."),
    ],
    "the other country's numbers": [
        (
            "It costs 1.234,56 €.",
            "It costs one thousand two hundred thirty-four euros and fifty-six cents.",
        ),
        ("It is 1 234,56.", "It is one thousand two hundred thirty-four point five six."),
        ("It holds 12 500 people.", "It holds twelve thousand five hundred people."),
        (
            "It is 1.234.567,8 long.",
            "It is one million two hundred thirty-four thousand five hundred sixty-seven point eight long.",
        ),
    ],
    "words in capitals": [
        ("IT WAS the best of times.", "It WAS the best of times."),
        ("THEY TOLD US THE TRUTH.", "THEY TOLD us THE TRUTH."),
        ("The IT team in the US.", "The IT team in the US."),
        ("CALL IT SUPPORT.", "CALL IT SUPPORT."),
        ("THE US ARMY.", "THE US ARMY."),
    ],
}
ROWS = [row for rows in KINDS.values() for row in rows]


@pytest.mark.parametrize(("written", "spoken"), ROWS)
def test_spoken(written: str, spoken: str) -> None:
    assert normalize(written, "en-US") == spoken


@pytest.mark.parametrize(("written", "spoken"), ROWS)
def test_spoken_text_is_left_alone(written: str, spoken: str) -> None:
    assert normalize(spoken, "en-US") == spoken


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Let's meet at 3 PM Tuesday at the office.", 1),
        ("Call at 10pm EST on Friday.", 1),
        ("It is on at 8 p.m. Eastern.", 1),
        ("It starts at 9am Monday.", 1),
        ("It ends at 5 p.m. March 3.", 1),
        ("At 3 p.m. I left.", 1),
        ("At 8 p.m. London time.", 1),
        ("We left at 9 AM. It rained.", 2),
        ("We left at 9 a.m. Bob stayed.", 2),
        ("He works for the F.B.I. He likes it.", 2),
        ("She lives in the U.S. She likes it.", 2),
        ("The U.S. Army.", 1),
        ("In 5 B.C. Then it fell.", 2),
        ("It is 12 ft. The door is open.", 2),
        ("See Eq. (2) there.", 1),
        ("Call ext. 123 now.", 1),
        ("I have a dog. 5 cats came.", 2),
        ("Run main.py. Then stop.", 2),
    ],
)
def test_sentences(text: str, count: int) -> None:
    assert len(split(normalize(text, "en-US"), 400, "en-US")) == count
