"""What Portuguese abbreviations, units, currencies, symbols and letters are called."""

from __future__ import annotations

# Singular, plural.
UNITS = {
    "km/h": ("quilômetro por hora", "quilômetros por hora"),
    "m/s": ("metro por segundo", "metros por segundo"),
    "km²": ("quilômetro quadrado", "quilômetros quadrados"),
    "m²": ("metro quadrado", "metros quadrados"),
    "cm²": ("centímetro quadrado", "centímetros quadrados"),
    "m³": ("metro cúbico", "metros cúbicos"),
    "cm³": ("centímetro cúbico", "centímetros cúbicos"),
    "km": ("quilômetro", "quilômetros"),
    "m": ("metro", "metros"),
    "cm": ("centímetro", "centímetros"),
    "mm": ("milímetro", "milímetros"),
    "kg": ("quilo", "quilos"),
    "g": ("grama", "gramas"),
    "mg": ("miligrama", "miligramas"),
    "μg": ("micrograma", "microgramas"),
    "μm": ("micrômetro", "micrômetros"),
    "μs": ("microssegundo", "microssegundos"),
    "μl": ("microlitro", "microlitros"),
    "μL": ("microlitro", "microlitros"),
    "μF": ("microfarad", "microfarads"),
    "μA": ("microampere", "microamperes"),
    "Ω": ("ohm", "ohms"),
    "kΩ": ("quilo-ohm", "quilo-ohms"),
    "MΩ": ("megaohm", "megaohms"),
    "mg/dL": ("miligrama por decilitro", "miligramas por decilitro"),
    "l": ("litro", "litros"),
    "L": ("litro", "litros"),
    "ml": ("mililitro", "mililitros"),
    "mL": ("mililitro", "mililitros"),
    "ha": ("hectare", "hectares"),
    "°C": ("grau Celsius", "graus Celsius"),
    "° C": ("grau Celsius", "graus Celsius"),
    "ºC": ("grau Celsius", "graus Celsius"),
    "º C": ("grau Celsius", "graus Celsius"),
    "°F": ("grau Fahrenheit", "graus Fahrenheit"),
    "KB": ("quilobyte", "quilobytes"),
    "kB": ("quilobyte", "quilobytes"),
    "MB": ("megabyte", "megabytes"),
    "GB": ("gigabyte", "gigabytes"),
    "TB": ("terabyte", "terabytes"),
    "Mbps": ("megabit por segundo", "megabits por segundo"),
    "Gbps": ("gigabit por segundo", "gigabits por segundo"),
    "Hz": ("hertz", "hertz"),
    "kHz": ("quilohertz", "quilohertz"),
    "MHz": ("megahertz", "megahertz"),
    "GHz": ("gigahertz", "gigahertz"),
    "W": ("watt", "watts"),
    "kW": ("quilowatt", "quilowatts"),
    "MW": ("megawatt", "megawatts"),
    "kWh": ("quilowatt-hora", "quilowatts-hora"),
    "V": ("volt", "volts"),
    "dB": ("decibel", "decibéis"),
    "kcal": ("quilocaloria", "quilocalorias"),
    "cal": ("caloria", "calorias"),
    "cv": ("cavalo", "cavalos"),
    "t": ("tonelada", "toneladas"),
    "min": ("minuto", "minutos"),
    "s": ("segundo", "segundos"),
    "ms": ("milissegundo", "milissegundos"),
    "bpm": ("batimento por minuto", "batimentos por minuto"),
    "rpm": ("rotação por minuto", "rotações por minuto"),
    "px": ("pixel", "pixels"),
}
FEMININE_UNITS = frozenset({"t", "cal", "kcal", "rpm"})
PER = {
    "kg": "quilo",
    "g": "grama",
    "L": "litro",
    "l": "litro",
    "km": "quilômetro",
    "m²": "metro quadrado",
    "h": "hora",
    "hora": "hora",
    "dia": "dia",
    "mês": "mês",
    "ano": "ano",
    "semana": "semana",
    "minuto": "minuto",
    "min": "minuto",
    "s": "segundo",
    "pessoa": "pessoa",
    "unidade": "unidade",
}
# Singular, plural, singular and plural of the hundredth, whether the name is feminine.
CURRENCIES = {
    "R$": ("real", "reais", "centavo", "centavos", False),
    "BRL": ("real", "reais", "centavo", "centavos", False),
    "US$": ("dólar", "dólares", "centavo", "centavos", False),
    "USD": ("dólar", "dólares", "centavo", "centavos", False),
    "$": ("dólar", "dólares", "centavo", "centavos", False),
    "€": ("euro", "euros", "centavo", "centavos", False),
    "EUR": ("euro", "euros", "centavo", "centavos", False),
    "£": ("libra", "libras", "centavo", "centavos", True),
    "GBP": ("libra", "libras", "centavo", "centavos", True),
    "¥": ("iene", "ienes", "sen", "sens", False),
    "U$": ("dólar", "dólares", "centavo", "centavos", False),
    "A$": ("dólar australiano", "dólares australianos", "centavo", "centavos", False),
    "C$": ("dólar canadense", "dólares canadenses", "centavo", "centavos", False),
    "CA$": ("dólar canadense", "dólares canadenses", "centavo", "centavos", False),
    "NZ$": ("dólar neozelandês", "dólares neozelandeses", "centavo", "centavos", False),
    "₹": ("rúpia", "rúpias", "paisa", "paisas", True),
    "₩": ("won", "wons", "jeon", "jeons", False),
    "₽": ("rublo", "rublos", "copeque", "copeques", False),
}
SCALES = {
    "mil": ("mil", "mil"),
    "k": ("mil", "mil"),
    "K": ("mil", "mil"),
    "mi": ("milhão", "milhões"),
    "milhão": ("milhão", "milhões"),
    "milhões": ("milhão", "milhões"),
    "bi": ("bilhão", "bilhões"),
    "bilhão": ("bilhão", "bilhões"),
    "bilhões": ("bilhão", "bilhões"),
    "tri": ("trilhão", "trilhões"),
    "trilhão": ("trilhão", "trilhões"),
    "trilhões": ("trilhão", "trilhões"),
}
# Written with a full stop, anywhere.
ABBREVIATIONS = dict(
    pair.split("=")
    for pair in (
        "sr=senhor sra=senhora srs=senhores sras=senhoras srta=senhorita dr=doutor dra=doutora drs=doutores "
        "dras=doutoras "
        "prof=professor profa=professora profª=professora profs=professores av=avenida pça=praça rod=rodovia jd=jardim "
        "apto=apartamento etc=etcétera obs=observação pág=página págs=páginas tel=telefone ltda=limitada cia=companhia "
        "exmo=excelentíssimo exma=excelentíssima ilmo=ilustríssimo ilma=ilustríssima séc=século sécs=séculos vs=versus "
        "aprox=aproximadamente máx=máximo mín=mínimo núm=número jr=júnior depto=departamento sto=santo sta=santa "
        "trav=travessa adv=advogado cond=condomínio"
    ).split()
)
# Written with a raised a, with or without a stop.
FEMININE_TITLES = dict(
    pair.split("=")
    for pair in "dr=doutora sr=senhora prof=professora srt=senhorita eng=engenheira des=desembargadora dep=deputada "
    "exm=excelentíssima ilm=ilustríssima".split()
)
FEMININE_TITLES |= {title.capitalize(): words for title, words in FEMININE_TITLES.items()}
# What begins a sentence after letters with stops, which may also stand before a name.
STARTERS = frozenset(
    "Ele Ela Eles Elas O A Os As Um Uma Isso Isto Este Esta Esse Essa Aquele Aquela Mas E É Então Depois Em No Na "
    "Nos Nas Já Foi Quando Se Não Eu Nós Você Vocês Por Para Com Sem Que Quem Onde Como Porque Lá Aqui Hoje Ontem "
    "Amanhã".split()
)
MAY_BE_LAST = frozenset({"etc", "ltda", "cia", "jr"})
# Written with a full stop, before a name.
TITLES = dict(
    pair.split("=")
    for pair in (
        "gov=governador pres=presidente dep=deputado sen=senador min=ministro eng=engenheiro gal=general gen=general "
        "cel=coronel cap=capitão sgt=sargento ten=tenente pe=padre maj=major des=desembargador pq=parque vl=vila "
        "cx=caixa lgo=largo ed=edifício est=estrada bal=balneário"
    ).split()
)
# Written with a full stop, before a number.
NUMBERED = dict(
    pair.split("=")
    for pair in "p=página pp=páginas art=artigo arts=artigos cap=capítulo caps=capítulos vol=volume fig=figura "
    "n=número inc=inciso ap=apartamento bl=bloco ex=exemplo fl=folha fls=folhas tab=tabela tabs=tabelas eq=equação "
    "eqs=equações ref=referência refs=referências cj=conjunto conj=conjunto sl=sala lt=lote lj=loja qd=quadra "
    "súm=súmula "
    "cx=caixa ed=edição nums=números km=quilômetro doc=documento proc=processo".split()
)
SYMBOLS = {
    "&": " e ",
    "+": " mais ",
    "=": " igual a ",
    "<": " menor que ",
    ">": " maior que ",
    "≤": " menor ou igual a ",
    "≥": " maior ou igual a ",
    "≠": " diferente de ",
    "≈": " aproximadamente ",
    "±": " mais ou menos ",
    "×": " vezes ",
    "÷": " dividido por ",
    "%": " por cento ",
    "°": " graus ",
    "§": " parágrafo ",
    "@": " arroba ",
    "#": " hashtag ",
    "²": " ao quadrado ",
    "³": " ao cubo ",
    "/": " barra ",
    "$": " cifrão ",
    "€": " euros ",
    "£": " libras ",
    "√": " raiz de ",
    "∞": " infinito ",
}
ADDRESS_MARKS = {
    ".": "ponto",
    "@": "arroba",
    "/": "barra",
    "-": "hífen",
    "_": "underline",
    ":": "dois pontos",
    "?": "interrogação",
    "=": "igual",
    "&": "e comercial",
    "#": "cerquilha",
    "%": "por cento",
    "+": "mais",
    "~": "til",
}
LETTERS = dict(
    zip(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "á bê cê dê é efe gê agá i jota cá éle eme ene ó pê quê erre ésse tê u vê dáblio xis ípsilon zê".split(),
    )
)
