"""Words that announce an answer and are none: "Solution", "Let's think step by step:", 解.

Judges of every size credit such texts ("One Token to Fool LLM-as-a-Judge", arXiv:2507.08794), so
they are recognised before a judge is asked. By rule and not by a list of texts: what is left of
an answer after the words below, punctuation and markup are taken away is its content, and an
answer without content is wrong. A label with nothing behind it ("Anything at all:") is recognised
in every language.

Texts are compared folded: one case, compatibility forms, no accents or vowel marks. A word that
ends with ``*`` stands for all words that begin so.
"""

import re
import unicodedata

_OPENERS = """
# English
solution* answer* explanation* explain* thought* think* thinking reason* process* step* stepwise
solve* solving problem* question* analy* approach* proof proofs begin* start* breakdown break
first firstly now ok okay sure certainly course here response* reply final work* working out
detail* careful* understand* given consider* look looking go going find finding determine
calculat* comput* conclusion* result* follow* below summary provide providing
# Spanish, Portuguese, Italian, French
solucion* respuest* explicacion* pensamient* pensar pensemos pensando pensare pense pensons
razonamiento razonemos razonar proces* paso pasos resolv* resolu* problem* pregunta* analisis
analic* primero entonces vamos veamos solucao solucoes respost* explicac* passo passos raciocin*
pergunt* primeiro soluzion* rispost* spiegazion* ragionament* passaggi* dopo risolv* domanda*
iniziamo cominciamo prima pensiero pensamento empecemos comecemos etape* raisonnement reponse*
reflech* reflexion* resou* commenc* voyons abord premier premierement demarche explication*
# German, Dutch, Swedish, Danish, Norwegian
losung* loesung* antwort* erklarung* gedank* denk* schritt* losen aufgabe* uberleg* zuerst
zunachst frage* begrundung* herangehensweise oplossing* uitleg stap stappen stapsgewijs probleem
vraag eerst losning* losningen svar* forklaring* steg skridt trinn tanke tankar tankeprocess*
tenke tenker oppgav* opgav*
# Russian, Ukrainian, Polish, Czech
решени* реши* ответ* объяснени* шаг* задач* рассужд* мысл* дума* анализ* сначала вопрос* давайте
рассмотрим розвяз* вiдповiд* крок* пояснен* rozwiaz* odpowied* wyjasni* krok* zadani* najpierw
reseni* odpoved* vysvetlen* uloh*
# Turkish, Indonesian and Malay, Vietnamese
cozum* cevap* yanit* aciklama* adim* dusun* soru* problemi cozelim coz once solusi jawab*
penjelas* langkah* demi pikir* pemikiran masalah soal mari selesai* pertama loi giai buoc dap an
tra suy nghi bai toan phan tich thich hay dau tien
# Greek, Romanian, Hungarian, Finnish
λυση λυσεις απαντηση* εξηγηση* βημα* σκεψη* προβλημα* raspuns* explicati* gandire* gandim pas
pasi megold* valasz* magyaraz* lepes* gondol* ratkais* vastau* selity* askel* ajat*
# Arabic, Persian, Urdu, Hebrew
حل الحل حلول لنحل نحل بحل اجابه الاجابه اجابة الاجابة جواب الجواب شرح الشرح تفسير التفسير خطوة
بخطوة خطوات الخطوات الخطوة مسالة المسالة المشكلة السؤال تفكير التفكير تحليل التحليل عملية اولا
دعنا دعونا پاسخ توضيح توضیح گام مرحله راه مساله سوال فکر بیایید פתרון תשובה התשובה הסבר שלב
הבעיה בעיה נפתור חשיבה
# Hindi, Bengali
समाधान* उत्तर* हल व्याख्या* चरण* समस्या* प्रश्न* सोच* विचार* प्रक्रिया आइए पहले सवाल* জবাব উত্তর* সমাধান*
ব্যাখ্যা* ধাপ* সমস্যা* প্রশ্ন* চিন্তা*
# Korean
풀이* 해설* 해답* 정답* 답 답은 답변* 문제* 생각* 과정* 단계* 풀어* 풀기* 풀겠* 보겠* 봅시다
해결* 설명* 차근차근 먼저 우선 하나씩 다음과 같이 같습니다 질문* 분석*
"""

_CHATTER = """
alright dive hmm hm um uh er ah oh insert ditto qed see above after based according note notice
assume hope helps thank thanks welcome hello hi hey obviously clearly trivially indeed absolutely
voici voila bien evidemment hier naturlich gerne ecco certo certamente claro aqui supuesto
natuurlijk antwoord antwoorden sjalvklart har ar har tentu berikut chắc chắn rồi đây câu trả lời
конечно вот хорошо oczywiscie oto tamam su iste tabii إليك بالتأكيد 알겠습니다 물론
물론입니다 음 자 ठीक
"""

_FUNCTION_WORDS = """
a an the this that these those it its is are was be been will shall can could should would i me
my we our us you your let lets let's s d ll m re ve t to of for in on by with as at and so then
well here there do does done have has had need needs want just please simply very ready next how
what following one's get am about through into from also el la los las lo un una de del en por
para con que es son se su sus mi y o al este esta esto le les des du et est sont ce cette ces
nous je il elle dans pour par avec qui l c der die das den dem ein eine einen ist sind wir ich
zu zum zur und mit fur von wie lass lasst lassen uns diese dieses dieser da dos um uma os no na
e ao esse essa nos gli uno di per che questo questa ci nel nella het een dit van laten ons att
det som vi er это этот эта эту мы по за и в на к с что как вот для наш нашу его bu bir ile icin
ini dan untuk kita yang mot cac nay va ta w po sie jest في من على هذا هذه الى إلى و هو هي أن ان
के का की को है हैं यह इस में से और हम करें करते 이 그 를 을 은 는 이제 우리 우리는 입니다 합니다
하겠습니다
"""

_CLAIMS = """
correct correctly identical same equal equals equivalent match matches matching reference gold
expected solution's verified true above agree agrees agreed exactly right accurate valid richtig
korrekt gleich correcto correcta correcte igual juste exact exacte corretto uguale верно
правильно
"""

_UNSPACED_OPENERS = """
好的 好 嗯 当然 當然 可以 没问题 沒問題 正确 正確 相同 一致 参考 參考 标准 標準
もちろん わかりました
解 解答 解析 解法 解題 解题 答 答案 回答 答复 答覆 思考 思路 思维 思維 思考过程 思考過程 推理
推理过程 分析 过程 過程 步骤 步驟 一步一步 一步 逐步 题目 題目 问题 問題 题 題 首先 接下来
接下來 解决 解決 说明 說明 让我们 讓我們 让我 讓我 我们 我們 来看 來看 看看 想想 开始 開始 结论
結論 最终 最終 证明 證明 下面 如下 仔细 仔細 详细 詳細 かいせつ かいとう こたえ こたへ かい
せつめい しこう かんがえ かていプロセス 解説 解説します 説明 考え 考えよう 考えましょう 考えて
考える 思考プロセス 答え 解き 解く 解こう 解いて みましょう ましょう しましょう します まず 順番
ステップ ステップバイステップ プロセス 段階 段階的 一歩 一つ ずつ 次 手順 正解 結果 では
それでは 以下 とおり 通り です คำตอบ เฉลย วิธีทำ ขั้นตอน คำอธิบาย แก้ปัญหา ปัญหา โจทย์ มา ทีละ คิด
กระบวนการ กัน นี้
"""

_UNSPACED_FUNCTION = (
    "的了是在这這那我们們来來把将將一下吧呢啊要请請先就和与與此该該其地得个個道看做为為于於"
)
_KANA_PARTICLES = 2
"""A leftover of so few hiragana is a particle or an ending."""

_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+"
)
_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
_HIRAGANA = re.compile("[\u3040-\u309f\u30fc]+")
_COMMAND = re.compile(r"\\[A-Za-z]+|&[a-z]+;|</?[a-z]+>")
_NUMBERED = re.compile(
    r"\b(?:step|part|paso|passo|etape|schritt|stap|шаг|krok|adim|langkah|buoc|단계|第)\s*"
    r"(?:no\.?\s*)?\d{1,2}\b|(?:^|[.:!\uff1a]\s)[^\w\n]{0,9}\d{1,2}[.)]\s*(?=\D)",
    re.MULTILINE,
)
_LABEL = re.compile(r"[^\d:：]{1,120}[:：]\W*")
_LABEL_WORDS = 8
_ANNOUNCEMENT = re.compile(
    r"\W*(?:(?:(?:first|now|so|okay|ok|well|alright|sure|hmm)\W{1,3})?"
    r"(?:let's|let us|let me|let|i will|i'll|i am going to|i'm going to|we will|we need to|"
    r"to (?:solve|find|answer|determine|compute|calculate|get|work out))\b[^\d.!?=\n]{0,160}|"
    r"[^\d.!?=\n]{0,160}\b(?:answer|solution|result|explanation|reasoning) (?:is|are)"
    r"(?: as follows| given below| the following)?)[\W]*"
)
"""Digits, equations and second sentences may be an answer."""


def fold(text: str) -> str:
    """Text for comparing words: one case, compatibility forms, no accents or vowel marks.

    >>> fold("Solución"), fold("\\uff33olution")
    ('solucion', 'solution')
    """
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    kept = (c for c in decomposed if unicodedata.category(c) not in _DROPPED)
    return unicodedata.normalize("NFC", "".join(kept))


_DROPPED = frozenset({"Mn", "Mc", "Me", "Cf", "Cc", "Cs", "Co"})


def _words(block: str) -> tuple[frozenset[str], tuple[str, ...]]:
    """(whole words, beginnings) of a block of words, folded."""
    lines = (line for line in block.splitlines() if not line.startswith("#"))
    words = [word for line in lines for word in line.split()]
    whole = frozenset(fold(word) for word in words if not word.endswith("*"))
    return whole, tuple({fold(word[:-1]) for word in words if word.endswith("*")})


def _longest_first(block: str) -> "re.Pattern[str]":
    words = sorted({fold(word) for word in block.split()}, key=lambda w: (-len(w), w))
    return re.compile("|".join(map(re.escape, words)))


_OPENER_WORDS, _OPENER_STEMS = _words(_OPENERS + _CHATTER)
_FUNCTION, _ = _words(_FUNCTION_WORDS)
_CLAIM_WORDS, _ = _words(_CLAIMS)
_UNSPACED_VOCABULARY = _longest_first(_UNSPACED_OPENERS)
_UNSPACED_SMALL = frozenset(fold(_UNSPACED_FUNCTION))


def content_words(text: str, *, gold: str = "") -> list[str]:
    """What an answer says besides announcing itself, in order.

    Words that claim to be right ("identical to the reference") are no content either, unless the
    gold answer has them.

    >>> content_words("Let's solve this problem step by step."), content_words("かいせつ")
    ([], [])
    >>> content_words("The answer is the Loire.")
    ['loire']
    """
    # Line breaks are control characters; folding must not glue words together.
    lines = text.replace("\t", " ").splitlines()
    folded = "\n".join(fold(line) for line in lines)
    folded = _NUMBERED.sub(" ", _COMMAND.sub(" ", folded))
    golden = frozenset(_WORD.findall(fold(gold))) if gold else frozenset[str]()
    content: list[str] = []
    for word in _WORD.findall(folded):
        content += _unspaced_content(word) if _UNSPACED.search(word) else _spaced(word, golden)
    return content


def is_label(text: str) -> bool:
    """Whether the whole text is one short label with nothing behind its colon.

    >>> is_label("Thought process:"), is_label("Jibu la swali:"), is_label("Answer: 4")
    (True, True, False)
    """
    text = text.strip()
    return _LABEL.fullmatch(text) is not None and len(_WORD.findall(text)) <= _LABEL_WORDS


def is_announcement(text: str) -> bool:
    """Whether the whole text is one English sentence that only says what will follow.

    >>> is_announcement("Based on the given facts, the answer is"), is_announcement("Let x be")
    (True, True)
    >>> is_announcement("Let it be 4"), is_announcement("The answer is Paris")
    (False, False)
    """
    return (
        _ANNOUNCEMENT.fullmatch(fold(" ".join(text[:400].split())).replace("\u2019", "'"))
        is not None
    )


def _spaced(word: str, golden: frozenset[str]) -> list[str]:
    plain = word.replace("\u2019", "'")
    if plain in _FUNCTION or plain in _OPENER_WORDS or plain.startswith(_OPENER_STEMS):
        return []
    if plain in _CLAIM_WORDS and plain not in golden:
        return []
    parts = plain.split("'")
    if len(parts) > 1 and all(not _spaced(part, golden) for part in parts):
        return []
    return [plain]


def _unspaced_content(run: str) -> list[str]:
    """What remains of a run of a script that does not separate words."""
    content: list[str] = []
    for piece in _UNSPACED_VOCABULARY.sub(" ", run).split():
        left = "".join(c for c in piece if c not in _UNSPACED_SMALL)
        if left and not (_HIRAGANA.fullmatch(left) and len(left) <= _KANA_PARTICLES):
            content.append(left)
    return content
