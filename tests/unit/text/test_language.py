"""Which language words are in, and the consistency reward. The sentences are our own."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogitate.text.language import (
    LANGUAGES,
    detect_language,
    language_code,
    language_consistency,
    language_shares,
    word_languages,
)
from cogitate.text.segmentation import words

# Two or three sentences of plain reasoning in each language.
SAMPLES = {
    "en": "First we count how many boxes are on the shelf. Then we multiply by the weight of one box. That gives the whole load, so we can answer.",
    "de": "Zuerst zählen wir, wie viele Kisten im Regal stehen. Danach nehmen wir das mal dem Gewicht einer Kiste. So erhalten wir die ganze Last und können antworten.",
    "fr": "D'abord nous comptons combien de caisses se trouvent sur l'étagère. Ensuite on multiplie par le poids d'une caisse. Cela donne toute la charge, donc nous pouvons répondre.",
    "es": "Primero contamos cuántas cajas hay en el estante. Después multiplicamos por el peso de una caja. Eso nos da toda la carga, así que podemos responder.",
    "it": "Prima contiamo quante casse ci sono sullo scaffale. Poi moltiplichiamo per il peso di una cassa. Questo ci dà tutto il carico, quindi possiamo rispondere.",
    "pt": "Primeiro contamos quantas caixas há na estante. Depois multiplicamos pelo peso de uma caixa. Isso nos dá toda a carga, então podemos responder.",
    "nl": "Eerst tellen we hoeveel kisten er op de plank staan. Daarna vermenigvuldigen we met het gewicht van een kist. Dat geeft de hele last, dus we kunnen antwoorden.",
    "sv": "Först räknar vi hur många lådor som står på hyllan. Sedan multiplicerar vi med vikten av en låda. Det ger hela lasten, så vi kan svara.",
    "fi": "Ensin laskemme, kuinka monta laatikkoa hyllyllä on. Sitten kerromme sen yhden laatikon painolla. Siitä saadaan koko kuorma, joten voimme vastata.",
    "pl": "Najpierw liczymy, ile skrzynek stoi na półce. Potem mnożymy przez wagę jednej skrzynki. To daje cały ładunek, więc możemy odpowiedzieć.",
    "cs": "Nejprve spočítáme, kolik beden stojí na polici. Potom to vynásobíme hmotností jedné bedny. Tím dostaneme celý náklad, takže můžeme odpovědět.",
    "ro": "Mai întâi numărăm câte lăzi sunt pe raft. Apoi înmulțim cu greutatea unei lăzi. Asta ne dă toată încărcătura, deci putem răspunde.",
    "hu": "Először megszámoljuk, hány láda van a polcon. Aztán megszorozzuk egy láda súlyával. Ez adja az egész terhet, így már tudunk válaszolni.",
    "tr": "Önce rafta kaç kutu olduğunu sayıyoruz. Sonra bunu bir kutunun ağırlığı ile çarpıyoruz. Bu bize bütün yükü verir, böylece cevap verebiliriz.",
    "vi": "Trước hết chúng ta đếm xem có bao nhiêu cái hộp trên kệ. Sau đó nhân với trọng lượng của một hộp. Như vậy ta được toàn bộ tải trọng và có thể trả lời.",
    "id": "Pertama kita hitung berapa banyak kotak yang ada di rak. Kemudian kita kalikan dengan berat satu kotak. Itu memberi kita seluruh beban, jadi kita bisa menjawab.",
    "sw": "Kwanza tunahesabu ni masanduku mangapi yaliyo kwenye rafu. Kisha tunazidisha kwa uzito wa sanduku moja. Hiyo inatupa mzigo wote, kwa hivyo tunaweza kujibu.",
    "ru": "Сначала посчитаем, сколько ящиков стоит на полке. Затем умножим это на вес одного ящика. Так мы получим весь груз и сможем ответить.",
    "uk": "Спочатку порахуємо, скільки ящиків стоїть на полиці. Потім помножимо це на вагу одного ящика. Так ми отримаємо весь вантаж і зможемо відповісти.",
    "bg": "Първо броим колко сандъка има на рафта. После умножаваме по теглото на един сандък. Така получаваме целия товар и можем да отговорим.",
    "ar": "أولا نحسب كم صندوقا يوجد على الرف. ثم نضرب ذلك في وزن صندوق واحد. هذا يعطينا الحمولة كلها، لذلك يمكننا أن نجيب.",
    "fa": "ابتدا می‌شماریم چند جعبه روی قفسه است. سپس آن را در وزن یک جعبه ضرب می‌کنیم. این همه بار را به ما می‌دهد، پس می‌توانیم پاسخ دهیم.",
    "ur": "پہلے ہم گنتے ہیں کہ الماری پر کتنے ڈبے ہیں۔ پھر اسے ایک ڈبے کے وزن سے ضرب دیتے ہیں۔ اس سے پورا بوجھ ملتا ہے، اس لیے ہم جواب دے سکتے ہیں۔",
    "hi": "पहले हम गिनते हैं कि अलमारी पर कितने डिब्बे हैं। फिर इसे एक डिब्बे के वज़न से गुणा करते हैं। इससे पूरा भार मिलता है, इसलिए हम उत्तर दे सकते हैं।",
    "mr": "प्रथम आपण कपाटावर किती डबे आहेत ते मोजतो. मग त्याला एका डब्याच्या वजनाने गुणतो. त्यामुळे आपल्याला एकूण भार मिळतो आणि आपण उत्तर देऊ शकतो.",
    "ne": "पहिले हामी दराजमा कति बाकस छन् गन्छौं। त्यसपछि एउटा बाकसको तौलले गुणा गर्छौं। यसले पूरै भार दिन्छ, त्यसैले हामी उत्तर दिन सक्छौं।",
    "zh": "首先我们数一数架子上有多少个箱子。然后乘以一个箱子的重量。这样就得到全部的负荷，所以我们可以回答了。",
    "ja": "まず棚に箱がいくつあるかを数えます。次に一箱の重さを掛けます。これで全体の荷重が分かるので、答えることができます。",
    "ko": "먼저 선반에 상자가 몇 개 있는지 셉니다. 그다음 상자 하나의 무게를 곱합니다. 그러면 전체 무게를 얻으니 답할 수 있습니다.",
    "th": "ก่อนอื่นเรานับว่ามีกล่องกี่ใบบนชั้น จากนั้นคูณด้วยน้ำหนักของกล่องหนึ่งใบ จึงได้น้ำหนักทั้งหมดและตอบได้",
    "el": "Πρώτα μετράμε πόσα κιβώτια υπάρχουν στο ράφι. Μετά πολλαπλασιάζουμε με το βάρος ενός κιβωτίου.",
    "he": "קודם אנחנו סופרים כמה ארגזים יש על המדף. אחר כך מכפילים במשקל של ארגז אחד.",
    "bn": "প্রথমে আমরা গুনি তাকে কতগুলো বাক্স আছে। তারপর একটি বাক্সের ওজন দিয়ে গুণ করি।",
    "te": "ముందుగా అరలో ఎన్ని పెట్టెలు ఉన్నాయో లెక్కిస్తాము. తర్వాత ఒక పెట్టె బరువుతో గుణిస్తాము.",
    "ta": "முதலில் அலமாரியில் எத்தனை பெட்டிகள் உள்ளன என்று எண்ணுகிறோம்.",
    "kn": "ಮೊದಲು ಕಪಾಟಿನಲ್ಲಿ ಎಷ್ಟು ಪೆಟ್ಟಿಗೆಗಳಿವೆ ಎಂದು ಎಣಿಸುತ್ತೇವೆ.",
    "ml": "ആദ്യം അലമാരയിൽ എത്ര പെട്ടികൾ ഉണ്ടെന്ന് എണ്ണുന്നു.",
    "gu": "પહેલા આપણે ગણીએ કે છાજલી પર કેટલી પેટીઓ છે.",
    "pa": "ਪਹਿਲਾਂ ਅਸੀਂ ਗਿਣਦੇ ਹਾਂ ਕਿ ਸ਼ੈਲਫ ਉੱਤੇ ਕਿੰਨੇ ਡੱਬੇ ਹਨ।",
}  # fmt: skip


@pytest.mark.parametrize("code", SAMPLES)
def test_every_language_is_recognised(code: str):
    text = SAMPLES[code]
    assert detect_language(text) == code
    assert language_consistency(text, code) >= 0.95
    others = {"en", "zh", "fr"} - {code}
    assert all(language_consistency(text, other) <= 0.1 for other in others)


@pytest.mark.parametrize(
    "code",
    [
        c
        for c in SAMPLES
        if c in ("de", "fr", "es", "it", "pt", "nl", "sv", "pl", "tr", "vi", "id", "fi")
    ],
)
def test_single_sentences_are_recognised(code: str):
    found = [detect_language(part) for part in SAMPLES[code].split(". ")]
    assert found.count(code) == len(found)


def test_there_are_samples_of_most_languages():
    assert len(SAMPLES) >= 35
    assert set(SAMPLES) <= LANGUAGES


PAIRS = [("en", "zh"), ("zh", "en"), ("en", "de"), ("de", "en"), ("fr", "en"), ("es", "en"),
         ("it", "fr"), ("pt", "de"), ("ru", "en"), ("ja", "en"), ("ko", "zh"), ("ar", "en"),
         ("hi", "en"), ("vi", "fr"), ("tr", "en")]  # fmt: skip


def sentences(code: str) -> list[str]:
    text = SAMPLES[code].replace("。", "。 ").replace("।", "। ").replace("。 ", "。 ")
    return [
        part.strip(" .") + "."
        for part in text.replace(". ", ".\n").replace("。 ", "\n").split("\n")
        if part.strip()
    ]


@pytest.mark.parametrize(("target", "other"), PAIRS)
def test_mixtures_have_their_share(target: str, other: str):
    rng = random.Random(f"{target}{other}")
    for count in (1, 2, 3):
        parts = sentences(target)[:count] + sentences(other)
        rng.shuffle(parts)
        mixed = " ".join(parts)
        size = sum(len(words(part)) for part in sentences(target)[:count])
        share = size / len(words(mixed))
        assert language_consistency(mixed, target) == pytest.approx(share, abs=0.08)


def test_a_phrase_of_another_language_inside_a_sentence():
    text = "We compute the product und dann addieren wir noch die beiden Zahlen and get seven."
    languages = word_languages(text)
    assert languages[:4] == ["en"] * 4
    assert languages.count("de") >= 7
    assert language_shares("the answer is 答案") == {"en": 0.6, "zh": 0.4}


def test_chinese_characters_in_japanese_sentences_are_japanese():
    assert set(word_languages("次に重さを掛けます。")) == {"ja"}
    assert set(word_languages("计算重量。")) == {"zh"}
    assert word_languages("答えは七です。\n合計\n以上です。").count("zh") == 0
    assert word_languages("これは本です。我们需要计算一共有多少个苹果在这里。").count("zh") == 17


PADDING = [
    "the " * 200,
    "so we have it " * 60,
    "the of and to in a is that it for on as with be was by this are at from or which have an they",
    "and then and then and then and then and then and then",
]


@pytest.mark.parametrize("padding", PADDING)
def test_padding_does_not_buy_consistency(padding: str):
    chinese = SAMPLES["zh"]
    assert language_consistency(padding + chinese, "en") < 0.35
    assert language_consistency(chinese, "en") == 0.0


def test_repetition_in_the_other_language_is_not_counted_either():
    once = language_consistency(SAMPLES["en"] + SAMPLES["zh"], "en")
    often = language_consistency(SAMPLES["en"] + SAMPLES["zh"] * 5, "en")
    assert often == pytest.approx(once, abs=0.1)


@pytest.mark.parametrize("text", ["", "42", "$x = 2$", "```\nx = 1\n```", "😀 !!!", "x + y"])
def test_a_text_without_words_scores_what_the_caller_says(text: str):
    assert language_consistency(text, "en") == 0.0
    assert language_consistency(text, "en", empty=1.0) == 1.0
    assert detect_language(text) is None
    assert language_shares(text) == {}


def test_maths_and_code_do_not_count():
    text = "我们看方程 $x^2 + \\text{area} = 4$，用 `print(value)` 检查，见 https://example.org/page 。"
    assert language_consistency(text, "zh") == 1.0


@pytest.mark.parametrize(
    ("name", "code"),
    [("en", "en"), ("EN", "en"), ("zh-CN", "zh"), ("zh_Hant", "zh"), ("pt-BR", "pt"),
     ("German", "de"), ("chinese", "zh"), (" fr ", "fr"), ("farsi", "fa")],
)  # fmt: skip
def test_codes(name: str, code: str):
    assert language_code(name) == code


@pytest.mark.parametrize("name", ["", "xx", "klingon", "english-ish!"[::-1]])
def test_unknown_languages(name: str):
    with pytest.raises(ValueError, match="known: am, ar"):
        language_code(name)
    with pytest.raises(ValueError, match="unknown language"):
        language_consistency("text", name)


@given(st.text(max_size=120), st.sampled_from(["en", "zh", "de", "ja"]))
def test_a_share_is_a_share(text: str, code: str):
    assert 0.0 <= language_consistency(text, code) <= 1.0
    assert detect_language(text) in LANGUAGES | {None}


@given(st.sampled_from(sorted(SAMPLES)), st.sampled_from(sorted(SAMPLES)))
def test_shares_of_all_languages_add_up(one: str, two: str):
    shares = language_shares(f"{SAMPLES[one]}\n{SAMPLES[two]}")
    assert sum(shares.values()) == pytest.approx(1.0)


@pytest.mark.parametrize(
    "text", ["le " * 2_000, "." * 5_000, "a.b " * 2_000, "字" * 4_000, "ß" * 4_000]
)
def test_long_texts_are_answered(text: str):
    assert 0.0 <= language_consistency(text, "en") <= 1.0


@pytest.mark.parametrize("text", ["the " * 60, "yes " * 60, "good " * 8, "yes no " * 40])
def test_repeated_words_alone_do_not_score(text: str):
    assert language_consistency(text, "en") < 0.4


def test_doubled_words_in_a_text_cost_nothing():
    assert language_consistency(SAMPLES["en"] + " That is very very clear.", "en") == 1.0


def test_prose_inside_mathematics_counts():
    assert language_consistency(r"我们看 $x = \text{first we count all boxes}$", "zh") < 0.5
    assert language_consistency(r"我们看 \[x = \mathrm{area}\]", "zh") == 1.0
