"""Kinds of Portuguese text that people bring: what each written form is said as, a table a kind."""

from __future__ import annotations

import pytest

from speech.text.normalize import normalize
from speech.text.sentences import split

KINDS = {
    "a letter after the name of a class": [
        ("A nova classe C compra mais.", "A nova classe cê compra mais."),
        ("O grupo C da Copa.", "O grupo cê da Copa."),
        ("Um cabo USB tipo C.", "Um cabo u ésse bê tipo cê."),
        ("A categoria C e o bloco C.", "A categoria cê e o bloco cê."),
        ("O tipo I e a classe V.", "O tipo um e a classe cinco."),
        ("Mora no bloco L.", "Mora no bloco L."),
        ("O grupo X perdeu.", "O grupo X perdeu."),
        ("O capítulo X e o anexo IV.", "O capítulo dez e o anexo quatro."),
    ],
    "titles with a small a": [
        ("A Dr.ª Ana chegou.", "A doutora Ana chegou."),
        ("A Sr.ª Maria saiu.", "A senhora Maria saiu."),
        ("A Prof.ª Ana falou.", "A professora Ana falou."),
        ("A Drª Ana e a Srª Lia.", "A doutora Ana e a senhora Lia."),
        ("As Sr.ªs Lia e Ana.", "As senhoras Lia e Ana."),
        ("A Eng.ª Rita veio.", "A engenheira Rita veio."),
        ("O Exm.º Sr. Juiz.", "O excelentíssimo senhor Juiz."),
        ("Prof.ª! Espere.", "Professora! Espere."),
    ],
    "letters with stops": [
        ("Trabalha na C.I.A. Ele gosta.", "Trabalha na cê i á. Ele gosta."),
        ("O P.S. da carta.", "O pê ésse da carta."),
        ("No ano 200 D.C. Roma caiu.", "No ano duzentos depois de Cristo. Roma caiu."),
        ("Mora nos E.U.A. Depois volta.", "Mora nos é u á. Depois volta."),
        ("A C.B.F. Futebol faliu.", "A cê bê efe Futebol faliu."),
    ],
    "ranges of two whole amounts": [
        ("Sobe 5%-10% ao ano.", "Sobe cinco por cento a dez por cento ao ano."),
        ("Custa R$50-R$100.", "Custa cinquenta reais a cem reais."),
        ("Aberto 9h–18h.", "Aberto nove horas a dezoito horas."),
        ("Entre 10°C–20°C.", "Entre dez graus Celsius a vinte graus Celsius."),
        ("Das 9:30-17:30.", "Das nove e trinta a dezessete e trinta."),
        ("Eram 1.000-2.000 pessoas.", "Eram mil a duas mil pessoas."),
        ("De 2,5-3,5%.", "De dois vírgula cinco a três vírgula cinco por cento."),
        ("No ano 2023-24.", "No ano dois mil e vinte e três a vinte e quatro."),
        ("A guerra de 1939–45.", "A guerra de mil novecentos e trinta e nove a quarenta e cinco."),
        ("Do 1º-3º ano.", "Do primeiro a terceiro ano."),
        ("Pesa 2kg-3kg.", "Pesa dois quilos a três quilos."),
        ("Das 9h30-10h45.", "Das nove e trinta a dez e quarenta e cinco."),
        ("São US$ 1,5-2,5 milhões.", "São um vírgula cinco a dois vírgula cinco milhões de dólares."),
    ],
    "acronyms and their plurals": [
        ("Estuda na UFMG.", "Estuda na u efe eme gê."),
        ("A UFRGS e a UFPE.", "A u efe erre gê ésse e a u efe pê é."),
        ("A UFPR, a UFSC e a ABNT.", "A u efe pê erre, a u efe ésse cê e a á bê ene tê."),
        ("A ANP e o ICMBio.", "A á ene pê e o i cê eme bio."),
        ("A AIDS matou.", "A áids matou."),
        ("Estuda na USP.", "Estuda na úspi."),
        ("Os CEOs se reuniram.", "Os cê é ós se reuniram."),
        ("Mande os PDFs.", "Mande os pê dê efes."),
        ("As TVs e os CPFs.", "As tê vês e os cê pê efes."),
        ("A ONU, a NASA e o SESC.", "A ONU, a NASA e o SESC."),
        ("O RITMO é bom.", "O RITMO é bom."),
        ("Aperte ESC ou ALT.", "Aperte ESC ou ALT."),
        ("As ONGs e a UFBA.", "As ONGs e a u efe bê á."),
    ],
    "abbreviations before numbers and names": [
        ("Veja fls. 12 dos autos.", "Veja folhas doze dos autos."),
        ("Veja tab. 3, eq. 5, ref. 7.", "Veja tabela três, equação cinco, referência sete."),
        ("No cj. 4, sl. 5, lt. 6, qd. 7.", "No conjunto quatro, sala cinco, lote seis, quadra sete."),
        ("No Pq. Ibirapuera.", "No parque Ibirapuera."),
        ("Na Vl. Mariana.", "Na vila Mariana."),
        ("Cx. Postal 10.", "Caixa Postal dez."),
        ("O Des. Fulano julgou.", "O desembargador Fulano julgou."),
        ("A Súm. 7 vale.", "A súmula sete vale."),
        ("R. Augusta, 100.", "Rua Augusta, cem."),
        ("Mora na R. Augusta.", "Mora na rua Augusta."),
        ("Al. Santos, s/n.", "Alameda Santos, sem número."),
        ("Fale com o Dr. (Silva) hoje.", "Fale com o doutor (Silva) hoje."),
        ("Veja o rf. 12 hoje.", "Veja o rf doze hoje."),
        ("J. R. Souza disse.", "J. R. Souza disse."),
        ("No Cond. Solar, ap. 3.", "No condomínio Solar, apartamento três."),
        ("O cão. 5 gatos.", "O cão. Cinco gatos."),
    ],
    "section numbers": [
        ("O item 1.01.02 trata disso.", "O item um ponto zero um ponto zero dois trata disso."),
        ("A cláusula 3.10.04.", "A cláusula três ponto dez ponto zero quatro."),
        ("Em 31.12.2024.", "Em trinta e um de dezembro de dois mil e vinte e quatro."),
        ("A seção 2.1.1.", "A seção dois ponto um ponto um."),
        ("A versão 1.02.03.", "A versão um ponto zero dois ponto zero três."),
    ],
    "characters that are another shape": [
        ("Parte Ⅲ.", "Parte três."),
        ("Emite CO₂.", "Emite CO dois."),
        ("São 10⁻³ metros.", "São dez elevado a menos três metros."),
        ("Pesa 5 ㎏.", "Pesa cinco quilos."),
        ("Vale 10^6.", "Vale dez elevado a seis."),
        ("Use ⅓ de copo.", "Use um terço de copo."),
        ("Passo ① e passo ②.", "Passo um e passo dois."),
        ("Tem 20㎡.", "Tem vinte metros quadrados."),
    ],
    "Greek letters": [
        ("Um resistor de 10 kΩ.", "Um resistor de dez quilo-ohms."),
        ("Os raios α.", "Os raios alfa."),
        ("O Δt é pequeno.", "O delta t é pequeno."),
        ("Tem 5 μm.", "Tem cinco micrômetros."),
        ("Tem 5 µm.", "Tem cinco micrômetros."),
        ("Raios β e γ.", "Raios beta e gama."),
        ("O valor de π.", "O valor de pi."),
        ("Leva 3 μs e 10 Ω.", "Leva três microssegundos e dez ohms."),
    ],
    "two numbers with a bar": [
        ("Nos anos 60/70.", "Nos anos sessenta barra setenta."),
        ("A PA 120/80.", "A PA cento e vinte por oitenta."),
        ("Visão 20/20.", "Visão vinte barra vinte."),
        ("Nota 5/5.", "Nota cinco barra cinco."),
        ("Comeu 3/8 da torta.", "Comeu três oitavos da torta."),
        ("Pressão de 130/85.", "Pressão de cento e trinta por oitenta e cinco."),
        ("Lei Complementar 101/00.", "Lei Complementar cento e um barra zero zero."),
        ("Use 7/12 de um copo.", "Use sete doze avos de um copo."),
    ],
    "scores": [
        ("Ele venceu por 2x1 a Argentina.", "Ele venceu por dois a um a Argentina."),
        ("Flamengo 2x1 Vasco.", "Flamengo dois a um Vasco."),
        ("Empate em 1x1.", "Empate em um a um."),
        ("Foto 3x4.", "Foto três por quatro."),
        ("Um carro 4x4.", "Um carro quatro por quatro."),
        ("Papel 10x15 cm.", "Papel dez por quinze centímetros."),
        ("Na escala 6x1.", "Na escala seis por um."),
        ("Goleou por 7x0.", "Goleou por sete a zero."),
        ("O placar foi 0x0.", "O placar foi zero a zero."),
    ],
    "addresses and file names": [
        ("Entre em gov.br hoje.", "Entre em gov ponto br hoje."),
        ("Abra arquivo.pdf.", "Abra arquivo ponto pê dê efe."),
        ("Veja bit.ly/abc.", "Veja bit ponto éle ípsilon barra abc."),
        ("Rode main.py agora.", "Rode main ponto pê ípsilon agora."),
        ("Leia README.md.", "Leia README ponto eme dê."),
        ("A loja brettspielversand.de.", "A loja brettspielversand ponto dê é."),
        ("O prazo acabou.de novo.", "O prazo acabou.de novo."),
        ("A pasta fotos.zip.", "A pasta fotos ponto zip."),
    ],
    "Roman numerals of rulers": [
        ("Ramsés II reinou.", "Ramsés segundo reinou."),
        ("DOM PEDRO II voltou.", "DOM PEDRO segundo voltou."),
        ("O rei Haroldo III.", "O rei Haroldo terceiro."),
        ("A rainha MARIA I.", "A rainha MARIA primeira."),
        ("Ptolomeu XII.", "Ptolomeu doze."),
    ],
    "forms of money": [
        ("Saldo de R$ -20,00.", "Saldo de menos vinte reais."),
        ("Custa U$ 50.", "Custa cinquenta dólares."),
        ("Vale US$1.5 bilhão.", "Vale um vírgula cinco bilhão de dólares."),
        ("Ganha R$ 100k.", "Ganha cem mil reais."),
        ("Custa 27,50 €.", "Custa vinte e sete euros e cinquenta centavos."),
        ("São A$50.", "São cinquenta dólares australianos."),
        ("São ₹500.", "São quinhentas rúpias."),
        ("Deve -R$ 3 mil.", "Deve menos três mil reais."),
    ],
    "the other country's numbers": [
        ("Custa 1,000.00 hoje.", "Custa mil hoje."),
        ("São 1 000 metros.", "São mil metros."),
        ("São 1,234,567 votos.", "São um milhão duzentos e trinta e quatro mil quinhentos e sessenta e sete votos."),
        ("Pagou $1,250.50.", "Pagou mil duzentos e cinquenta dólares e cinquenta centavos."),
        ("São 12 500 km.", "São doze mil e quinhentos quilômetros."),
    ],
    "times with halves of the day": [
        ("Às 3 PM.", "Às três da tarde."),
        ("Às 9 am.", "Às nove da manhã."),
        ("Às 12 AM e às 11pm.", "Às zero hora e às onze da noite."),
        ("Às 12 PM.", "Às doze horas."),
    ],
}
ROWS = [row for rows in KINDS.values() for row in rows]


@pytest.mark.parametrize(("written", "spoken"), ROWS)
def test_spoken(written: str, spoken: str) -> None:
    assert normalize(written, "pt-BR") == spoken


@pytest.mark.parametrize(("written", "spoken"), ROWS)
def test_spoken_text_is_left_alone(written: str, spoken: str) -> None:
    assert normalize(spoken, "pt-BR") == spoken


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Veja fls. 12 dos autos.", 1),
        ("Veja tab. 3, eq. 5, ref. 7.", 1),
        ("O cj. 4, sl. 5, lt. 6, qd. 7.", 1),
        ("Trabalha na C.I.A. Ele gosta.", 2),
        ("Ela sabe o que é. Depois saiu.", 2),
        ("A C.B.F. Futebol faliu.", 1),
        ("Use a API. Depois saia.", 2),
        ("Às 3 PM. Depois volta.", 2),
        ("Ele tem um cão. 5 gatos vieram.", 2),
    ],
)
def test_sentences(text: str, count: int) -> None:
    assert len(split(normalize(text, "pt-BR"), 400, "pt-BR")) == count
