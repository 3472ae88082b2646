"""Portuguese as a Brazilian reads it out."""

from __future__ import annotations

import random
import re

import pytest

from speech.text.normalize import normalize
from speech.text.sentences import split

SPOKEN = [
    ("Ele tem 2 irmãos e 3 primos.", "Ele tem dois irmãos e três primos."),
    ("Comprei 1 livro e 1 caneta azul.", "Comprei um livro e uma caneta azul."),
    ("Faltam 1.100 metros.", "Faltam mil e cem metros."),
    ("O ano de 2024 acabou.", "O ano de dois mil e vinte e quatro acabou."),
    ("Nasceu em 1999.", "Nasceu em mil novecentos e noventa e nove."),
    (
        "São 1.234.567 habitantes.",
        "São um milhão duzentos e trinta e quatro mil quinhentos e sessenta e sete habitantes.",
    ),
    ("Havia 200 mil pessoas na rua.", "Havia duzentas mil pessoas na rua."),
    ("Foram 2.341 mulheres.", "Foram duas mil trezentas e quarenta e uma mulheres."),
    ("Vieram 2 milhões de pessoas.", "Vieram dois milhões de pessoas."),
    ("Espere 1 hora.", "Espere uma hora."),
    ("Espere 2 dias.", "Espere dois dias."),
    ("De 1 a 2 horas.", "De uma a duas horas."),
    ("São 22 problemas e 22 soluções.", "São vinte e dois problemas e vinte e duas soluções."),
    ("O valor de pi é 3,14.", "O valor de pi é três vírgula catorze."),
    ("Restam 0,05.", "Restam zero vírgula zero cinco."),
    ("Pi vale 3,14159.", "Pi vale três vírgula um quatro um cinco nove."),
    ("Fez -3 pontos.", "Fez menos três pontos."),
    ("A versão 3.11 saiu.", "A versão três ponto onze saiu."),
    ("Cresceu 12,5% em maio.", "Cresceu doze vírgula cinco por cento em maio."),
    ("De 10-20% do total.", "De dez a vinte por cento do total."),
    ("Chegou em 1º lugar.", "Chegou em primeiro lugar."),
    ("É a 2ª vez.", "É a segunda vez."),
    ("A 33ª edição e o 21º andar.", "A trigésima terceira edição e o vigésimo primeiro andar."),
    ("Os 1ºs colocados.", "Os primeiros colocados."),
    ("O 700º gol.", "O septingentésimo gol."),
    ("Custa R$ 1.234,56.", "Custa mil duzentos e trinta e quatro reais e cinquenta e seis centavos."),
    ("Custa R$ 0,50.", "Custa cinquenta centavos."),
    ("Custa R$ 1,01.", "Custa um real e um centavo."),
    ("Lucro de R$ 2 milhões.", "Lucro de dois milhões de reais."),
    ("Lucro de R$ 1,5 bilhão.", "Lucro de um vírgula cinco bilhão de reais."),
    ("Custa R$ 1 mil ou R$5 mil.", "Custa mil reais ou cinco mil reais."),
    ("Vale R$ 1.000.000,00.", "Vale um milhão de reais."),
    ("Saldo de -R$ 5.", "Saldo de menos cinco reais."),
    ("Pagou US$ 20 e € 10.", "Pagou vinte dólares e dez euros."),
    ("Pagou £ 2 e 10 €.", "Pagou duas libras e dez euros."),
    ("A R$ 5/kg.", "A cinco reais por quilo."),
    ("Em 10x de R$ 50,00.", "Em dez vezes de cinquenta reais."),
    ("Em 25/12/2024.", "Em vinte e cinco de dezembro de dois mil e vinte e quatro."),
    ("Em 2024-01-01.", "Em primeiro de janeiro de dois mil e vinte e quatro."),
    ("No dia 5/3.", "No dia cinco de março."),
    ("Em 12/03.", "Em doze de março."),
    ("No dia 12 de março.", "No dia doze de março."),
    ("Em 1º de maio.", "Em primeiro de maio."),
    ("Às 14h30.", "Às catorze e trinta."),
    ("Às 14:30.", "Às catorze e trinta."),
    ("Às 9h.", "Às nove horas."),
    ("À 1h05.", "À uma e cinco."),
    ("Às 00:15.", "Às zero hora e quinze."),
    ("Durou 1h30min.", "Durou uma hora e trinta minutos."),
    ("Das 14h às 16h.", "Das catorze horas às dezesseis horas."),
    ("Às 3:45 p.m. de hoje.", "Às três e quarenta e cinco da tarde de hoje."),
    ("Às 2 da tarde.", "Às duas da tarde."),
    ("A 80 km/h.", "A oitenta quilômetros por hora."),
    ("Pesa 1 kg ou 5kg.", "Pesa um quilo ou cinco quilos."),
    ("Faz 30°C ou -5 °C.", "Faz trinta graus Celsius ou menos cinco graus Celsius."),
    ("Casa de 120 m².", "Casa de cento e vinte metros quadrados."),
    ("Disco de 16 GB.", "Disco de dezesseis gigabytes."),
    ("Leve 2 t e 1,5 litro.", "Leve duas toneladas e um vírgula cinco litro."),
    ("Foto de 10x15 cm.", "Foto de dez por quinze centímetros."),
    (
        "Ligue (11) 98765-4321.",
        "Ligue um um, nove oito sete seis cinco, quatro três dois um.",
    ),
    ("Ligue 0800 123 4567.", "Ligue zero oito zero zero, um dois três, quatro cinco seis sete."),
    ("O código é 12345678.", "O código é um dois três quatro cinco seis sete oito."),
    ("CEP 01310-100.", "CEP zero um três um zero, um zero zero."),
    ("O agente 007.", "O agente zero zero sete."),
    ("No século XIX.", "No século dezenove."),
    ("Nos séculos IV e XXI.", "Nos séculos quarto e vinte e um."),
    ("Leia o capítulo IV.", "Leia o capítulo quatro."),
    ("O imperador D. Pedro II.", "O imperador dom Pedro segundo."),
    ("Luís XIV e João Paulo II.", "Luís catorze e João Paulo segundo."),
    ("A rainha Elizabeth II morreu.", "A rainha Elizabeth segunda morreu."),
    ("A II Guerra Mundial.", "A Segunda Guerra Mundial."),
    ("O Sr. Silva e a Dra. Ana.", "O senhor Silva e a doutora Ana."),
    ("Na Av. Brasil, nº 100.", "Na avenida Brasil, número cem."),
    ("Frutas, p. ex., maçã etc.", "Frutas, por exemplo, maçã etcétera."),
    ("Arroz, feijão etc. Depois saiu.", "Arroz, feijão etcétera. Depois saiu."),
    ("O Gov. Lima e o Cel. Souza.", "O governador Lima e o coronel Souza."),
    ("O jogo foi 2 x 1.", "O jogo foi dois a um."),
    ("Leia o cap. 3 do Cap. Nemo.", "Leia o capítulo três do capitão Nemo."),
    ("Veja a pág. 12 e o art. 5º.", "Veja a página doze e o artigo quinto."),
    ("Em 44 a.C. Roma mudou.", "Em quarenta e quatro antes de Cristo. Roma mudou."),
    ("Café c/ leite s/ açúcar.", "Café com leite sem açúcar."),
    ("Acesse www.exemplo.com.br.", "Acesse www ponto exemplo ponto com ponto br."),
    ("Veja https://exemplo.com/ajuda-1.", "Veja exemplo ponto com barra ajuda hífen um."),
    ("Escreva para ana_lima@exemplo.com.", "Escreva para ana underline lima arroba exemplo ponto com."),
    ("Use 1/2 xícara e 3/4 de copo.", "Use meia xícara e três quartos de copo."),
    ("São 2 ½ copos.", "São dois e meio copos."),
    ("De 1939-1945.", "De mil novecentos e trinta e nove a mil novecentos e quarenta e cinco."),
    ("Ganhou de 3-1.", "Ganhou de três a um."),
    ("Amor & paz.", "Amor e paz."),
    ("2 + 2 = 4 e 3 < 5.", "Dois mais dois igual a quatro e três menor que cinco."),
    ("Use #brasil e @maria.", "Use hashtag brasil e arroba maria."),
    ("O IBGE e a ONU.", "O i bê gê é e a ONU."),
    ("A COVID-19 e o MP3.", "A COVID dezenove e o MP três."),
    ("Aberto 24/7.", "Aberto vinte e quatro por sete."),
    ("Acabou. 25 alunos saíram. Sr. Lima ficou.", "Acabou. Vinte e cinco alunos saíram. Senhor Lima ficou."),
    ("Olá\u200b  mundo 😀 [UNK] “sim”…", 'Olá mundo "sim"…'),
    ("São 10 – 20 casas.", "São dez a vinte casas."),
    ("guarda-chuva e vice-presidente", "guarda-chuva e vice-presidente"),
    ("**Título**\n\n- item 1\n- item 2", "Título\n\nitem um\nitem dois"),
]


@pytest.mark.parametrize(("written", "spoken"), SPOKEN)
def test_spoken(written: str, spoken: str) -> None:
    assert normalize(written, "pt-BR") == spoken


@pytest.mark.parametrize(("written", "spoken"), SPOKEN)
def test_spoken_text_is_left_alone(written: str, spoken: str) -> None:
    assert normalize(spoken, "pt-BR") == spoken


def test_portugal_counts_in_its_own_words() -> None:
    assert normalize("Em 1/1/2016 eram 17.", "pt-PT") == "Em um de janeiro de dois mil e dezasseis eram dezassete."


def test_no_digit_is_left_and_a_second_pass_changes_nothing() -> None:
    source = random.Random(11)
    for _ in range(400):
        mess = ["".join(source.choices("0123456789.,:/-+%$°ºª²() \nRhkx@#", k=source.randint(1, 9))) for _ in range(4)]
        text = " ".join(source.sample([written for written, _ in SPOKEN] + mess * 10, k=6))
        once = normalize(text, "pt-BR")
        assert not re.search(r"\d", once), (text, once)
        assert normalize(once, "pt-BR") == once, text


def test_sentences_are_the_same_before_and_after() -> None:
    text = "O Sr. Lima saiu às 3h. 25 pessoas ficaram. R$ 10 sumiram! D. Maria viu tudo? 2ª feira eu volto."
    assert len(split(normalize(text, "pt-BR"), 400)) == len(split(text, 400)) == 5
