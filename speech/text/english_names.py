"""What English abbreviations, units, currencies and symbols are called."""

from __future__ import annotations


def _pairs(text: str) -> dict[str, str]:
    return dict(pair.split("=") for pair in text.split())


# Singular, plural.
UNITS = {
    "mph": ("mile per hour", "miles per hour"),
    "km/h": ("kilometer per hour", "kilometers per hour"),
    "kph": ("kilometer per hour", "kilometers per hour"),
    "m/s": ("meter per second", "meters per second"),
    "km²": ("square kilometer", "square kilometers"),
    "m²": ("square meter", "square meters"),
    "cm²": ("square centimeter", "square centimeters"),
    "m³": ("cubic meter", "cubic meters"),
    "sq ft": ("square foot", "square feet"),
    "sq. ft": ("square foot", "square feet"),
    "km": ("kilometer", "kilometers"),
    "m": ("meter", "meters"),
    "cm": ("centimeter", "centimeters"),
    "mm": ("millimeter", "millimeters"),
    "mi": ("mile", "miles"),
    "ft": ("foot", "feet"),
    "yd": ("yard", "yards"),
    "lb": ("pound", "pounds"),
    "lbs": ("pound", "pounds"),
    "oz": ("ounce", "ounces"),
    "kg": ("kilogram", "kilograms"),
    "g": ("gram", "grams"),
    "mg": ("milligram", "milligrams"),
    "μg": ("microgram", "micrograms"),
    "μm": ("micrometer", "micrometers"),
    "μs": ("microsecond", "microseconds"),
    "μl": ("microliter", "microliters"),
    "μL": ("microliter", "microliters"),
    "μF": ("microfarad", "microfarads"),
    "μA": ("microampere", "microamperes"),
    "Ω": ("ohm", "ohms"),
    "kΩ": ("kilohm", "kilohms"),
    "MΩ": ("megohm", "megohms"),
    "L": ("liter", "liters"),
    "l": ("liter", "liters"),
    "ml": ("milliliter", "milliliters"),
    "mL": ("milliliter", "milliliters"),
    "gal": ("gallon", "gallons"),
    "°C": ("degree Celsius", "degrees Celsius"),
    "° C": ("degree Celsius", "degrees Celsius"),
    "°F": ("degree Fahrenheit", "degrees Fahrenheit"),
    "° F": ("degree Fahrenheit", "degrees Fahrenheit"),
    "°": ("degree", "degrees"),
    "KB": ("kilobyte", "kilobytes"),
    "kB": ("kilobyte", "kilobytes"),
    "MB": ("megabyte", "megabytes"),
    "GB": ("gigabyte", "gigabytes"),
    "TB": ("terabyte", "terabytes"),
    "Mbps": ("megabit per second", "megabits per second"),
    "Gbps": ("gigabit per second", "gigabits per second"),
    "Hz": ("hertz", "hertz"),
    "kHz": ("kilohertz", "kilohertz"),
    "MHz": ("megahertz", "megahertz"),
    "GHz": ("gigahertz", "gigahertz"),
    "W": ("watt", "watts"),
    "kW": ("kilowatt", "kilowatts"),
    "MW": ("megawatt", "megawatts"),
    "kWh": ("kilowatt-hour", "kilowatt-hours"),
    "V": ("volt", "volts"),
    "dB": ("decibel", "decibels"),
    "kcal": ("kilocalorie", "kilocalories"),
    "h": ("hour", "hours"),
    "hr": ("hour", "hours"),
    "hrs": ("hour", "hours"),
    "min": ("minute", "minutes"),
    "mins": ("minute", "minutes"),
    "s": ("second", "seconds"),
    "sec": ("second", "seconds"),
    "secs": ("second", "seconds"),
    "ms": ("millisecond", "milliseconds"),
    "bpm": ("beat per minute", "beats per minute"),
    "rpm": ("revolution per minute", "revolutions per minute"),
    "px": ("pixel", "pixels"),
}
PER = _pairs(
    "kg=kilogram g=gram lb=pound oz=ounce L=liter gal=gallon km=kilometer mi=mile h=hour hr=hour hour=hour day=day "
    "week=week month=month mo=month year=year yr=year minute=minute min=minute s=second person=person unit=unit"
)
# Singular, plural, singular and plural of the hundredth.
CURRENCIES = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "US$": ("dollar", "dollars", "cent", "cents"),
    "USD": ("dollar", "dollars", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "GBP": ("pound", "pounds", "penny", "pence"),
    "€": ("euro", "euros", "cent", "cents"),
    "EUR": ("euro", "euros", "cent", "cents"),
    "¥": ("yen", "yen", "sen", "sen"),
    "A$": ("Australian dollar", "Australian dollars", "cent", "cents"),
    "AU$": ("Australian dollar", "Australian dollars", "cent", "cents"),
    "C$": ("Canadian dollar", "Canadian dollars", "cent", "cents"),
    "CA$": ("Canadian dollar", "Canadian dollars", "cent", "cents"),
    "NZ$": ("New Zealand dollar", "New Zealand dollars", "cent", "cents"),
    "HK$": ("Hong Kong dollar", "Hong Kong dollars", "cent", "cents"),
    "S$": ("Singapore dollar", "Singapore dollars", "cent", "cents"),
    "₹": ("rupee", "rupees", "paisa", "paise"),
    "₩": ("won", "won", "jeon", "jeon"),
    "₽": ("ruble", "rubles", "kopeck", "kopecks"),
    "R$": ("real", "reais", "centavo", "centavos"),
    "BRL": ("real", "reais", "centavo", "centavos"),
}
SCALES = {
    "thousand": "thousand",
    "K": "thousand",
    "k": "thousand",
    "million": "million",
    "M": "million",
    "m": "million",
    "mn": "million",
    "billion": "billion",
    "B": "billion",
    "bn": "billion",
    "trillion": "trillion",
    "T": "trillion",
    "tn": "trillion",
}
# Written with a full stop, anywhere.
ABBREVIATIONS = _pairs(
    "mr=Mister mrs=Missus ms=Miz messrs=Messieurs drs=Doctors prof=Professor vs=versus "
    "jr=Junior inc=Incorporated ltd=Limited corp=Corporation co=Company approx=approximately dept=department "
    "est=established ave=Avenue blvd=Boulevard rd=Road hwy=Highway apt=apartment bros=Brothers assn=Association "
    "govt=government intl=international misc=miscellaneous tel=telephone univ=University"
)
ABBREVIATIONS["etc"] = "et cetera"
# What begins a sentence after letters with stops, which may also stand before a name.
STARTERS = frozenset(
    "He She It They We I You The A An This That These Those There Then In On At But And So When While If After "
    "Before As For His Her Its Their My Our Your Who What Where Why How Yet Later Meanwhile However Nobody Everyone "
    "Now Today".split()
)
MAY_BE_LAST = frozenset({"etc", "jr", "inc", "ltd", "corp", "co", "ave", "blvd", "rd", "st"})
# Written with a full stop, before a name.
TITLES = _pairs(
    "gen=General capt=Captain sgt=Sergeant lt=Lieutenant col=Colonel maj=Major cmdr=Commander gov=Governor sen=Senator "
    "rep=Representative rev=Reverend hon=Honorable pres=President adm=Admiral mt=Mount ft=Fort pvt=Private "
    "cpl=Corporal supt=Superintendent insp=Inspector "
    "det=Detective amb=Ambassador fr=Father msgr=Monsignor"
)
# Written with a full stop, before a number.
NUMBERED = _pairs(
    "no=number nos=numbers p=page pp=pages vol=volume ch=chapter fig=figure sec=section art=article pt=part "
    "eq=equation eqs=equations ext=extension op=opus max=maximum temp=temperature ref=reference refs=references "
    "figs=figures secs=sections tab=table app=appendix para=paragraph"
)
MONTHS = "January February March April May June July August September October November December".split()
SHORT_MONTHS = _pairs(
    "Jan=January Feb=February Mar=March Apr=April Jun=June Jul=July Aug=August Sep=September Sept=September "
    "Oct=October Nov=November Dec=December"
)
SYMBOLS = {
    "&": " and ",
    "+": " plus ",
    "=": " equals ",
    "<": " less than ",
    ">": " greater than ",
    "≤": " less than or equal to ",
    "≥": " greater than or equal to ",
    "≠": " not equal to ",
    "≈": " approximately ",
    "±": " plus or minus ",
    "×": " times ",
    "÷": " divided by ",
    "%": " percent ",
    "°": " degrees ",
    "§": " section ",
    "@": " at ",
    "#": " hashtag ",
    "²": " squared ",
    "³": " cubed ",
    "/": " slash ",
    "$": " dollars ",
    "€": " euros ",
    "£": " pounds ",
    "√": " square root of ",
    "∞": " infinity ",
}
ADDRESS_MARKS = {
    ".": "dot",
    "@": "at",
    "/": "slash",
    "-": "dash",
    "_": "underscore",
    ":": "colon",
    "?": "question mark",
    "=": "equals",
    "&": "ampersand",
    "#": "hash",
    "%": "percent",
    "+": "plus",
    "~": "tilde",
}
