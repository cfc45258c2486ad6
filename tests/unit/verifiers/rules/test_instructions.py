"""Checkable instructions: for every id a text that follows it and one that does not.

All texts are our own. Arguments have the shapes that the public data sets use.
"""

import json
from typing import Any

import pytest

from cogitate.verdict import CaseStatus, Status
from cogitate.verifiers.rules import instructions
from cogitate.verifiers.rules.instructions import CHECKS, RULE, loose_variants
from cogitate.verifiers.rules.instructions.counting import (
    compare,
    contains_word,
    num_words,
    sentences,
)

# (id, arguments, texts that follow it, texts that do not)
Row = tuple[str, dict[str, Any], list[str], list[str]]

ENGLISH: list[Row] = [
    (
        "keywords:existence",
        {"keywords": ["lamp", "Blue door"]},
        ["The lamps stand by the blue door."],
        ["The lamp is blue.", "A door."],
    ),
    (
        "keywords:frequency",
        {"keyword": "tree", "frequency": 2, "relation": "at least"},
        ["A tree, another Tree.", "Trees, trees, trees."],
        ["One tree.", "None."],
    ),
    (
        "keywords:frequency",
        {"keyword": "tree", "frequency": 2, "relation": "less than"},
        ["One tree."],
        ["tree tree"],
    ),
    (
        "keywords:forbidden_words",
        {"forbidden_words": ["cat", "old dog"]},
        ["The catalogue lists dogs."],
        ["A Cat.", "the old dog barks"],
    ),
    (
        "keywords:letter_frequency",
        {"letter": "z", "let_frequency": 3, "let_relation": "at least"},
        ["Zig zag zoo"],
        ["zig zag"],
    ),
    (
        "keywords:letter_frequency",
        {"letter": "!", "let_frequency": 2, "let_relation": "less than"},
        ["Stop!"],
        ["Stop!!"],
    ),
    (
        "language:response_language",
        {"language": "fr"},
        ["Le chat dort sur la table parce que nous avons oublié de fermer la porte."],
        [
            "The cat sleeps on the table because we forgot.",
            "Le chat. " + "The dog is here now. " * 5,
        ],
    ),
    (
        "language:response_language",
        {"language": "hi"},
        ["यह किताब बहुत अच्छी है और मैं इसे हर दिन पढ़ता हूँ।"],
        ["हे पुस्तक खूप छान आहे आणि मी ते रोज वाचतो.", "This book is good."],
    ),
    (
        "language:response_language",
        {"language": "fa"},
        ["این کتاب را از کتابخانه گرفتم و هر روز آن را می‌خوانم."],
        ["أخذت هذا الكتاب من المكتبة وأقرأه كل يوم."],
    ),
    (
        "length_constraints:number_sentences",
        {"num_sentences": 3, "relation": "less than"},
        ["One here. Two here.", "Dr. Who paid 3.50 to Mr. Lee."],
        ["One. Two. Three."],
    ),
    (
        "length_constraints:number_sentences",
        {"num_sentences": 2, "relation": "at least"},
        ["Is it so? It is."],
        ["It is so"],
    ),
    (
        "length_constraints:number_paragraphs",
        {"num_paragraphs": 2},
        ["First part\n***\nSecond part", "***\na\n***\nb\n***"],
        ["a", "a\n\nb", "a\n***\n\n***\nb", "a *** b *** c", "a\n******\nb"],
    ),
    (
        "length_constraints:number_words",
        {"num_words": 4, "relation": "at least"},
        ["one two three four"],
        ["one two three"],
    ),
    (
        "length_constraints:number_words",
        {"num_words": 4, "relation": "less than"},
        ["one two three"],
        ["one two three four"],
    ),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "river"},
        ["Hills.\n\nRiver, they say.", "Hills.\n \n**river** bank"],
        ["Hills. River.", "River.\n\nHills.", "a\n\nb\n\nriver", "Hills.\n\nRiverside"],
    ),
    (
        "detectable_content:number_placeholders",
        {"num_placeholders": 2},
        ["Dear [name] of [city], hello."],
        ["Dear [name].", "[] []", "[\n] [a]"],
    ),
    (
        "detectable_content:postscript",
        {"postscript_marker": "P.S."},
        ["Goodbye.\n\nP.S. Call me.", "Bye\nP. S. one more thing", "Bye\nPS: call"],
        ["Goodbye. P.S. Call me.", "Bye\nP.S.", "Bye\nPsalms are long"],
    ),
    (
        "detectable_content:postscript",
        {"postscript_marker": "P.P.S"},
        ["Bye\n\nP.P.S. Call me.", "Bye\n**P.P.S** Call"],
        ["Bye\n\nP.S. Call me."],
    ),
    (
        "detectable_format:number_bullet_lists",
        {"num_bullets": 2},
        ["* one\n* two", "List:\n- one\n- two\nEnd"],
        ["* one", "* one\n* two\n* three", "**one**\n**two**", "one\ntwo"],
    ),
    (
        "detectable_format:number_highlighted_sections",
        {"num_highlights": 2},
        ["See *one* and *two parts*.", "**one** and *two*"],
        ["See *one*.", "** ** and * *", "no stars"],
    ),
    (
        "detectable_format:multiple_sections",
        {"section_spliter": "SECTION", "num_sections": 2},
        ["SECTION 1\na\nSECTION 2\nb", "SECTION I a SECTION II b"],
        ["SECTION 1\na", "Section 1\na\nSection 2\nb", "SECTION a SECTION b"],
    ),
    (
        "detectable_format:title",
        {},
        ["<<My day>>\ntext"],
        ["My day", "<<>>", "<< >>", "<<a\nb>>"],
    ),
    (
        "detectable_format:json_format",
        {},
        ['{"a": [1, 2]}', '```json\n{"a": 1}\n```', "```\n[]\n```"],
        ["{'a': 1}", 'Here: {"a": 1}', '```json\n{"a": 1}\n```\nDone', "{", "[" * 500],
    ),
    (
        "detectable_format:constrained_response",
        {},
        ["My answer is yes.", "I thought about it. My answer is maybe."],
        ["Yes.", "My answer is yes. My answer is no."],
    ),
    (
        "combination:two_responses",
        {},
        ["First.\n******\nSecond."],
        ["First.", "Same\n******\nSame", "a******b******c", "******a"],
    ),
    (
        "combination:repeat_prompt",
        {"prompt_to_repeat": "Tell me a joke."},
        ["Tell me a joke.\nA horse walks in.", "  tell me a joke. Fine."],
        ["A joke: tell me a joke.", "Tell me."],
    ),
    (
        "startend:end_checker",
        {"end_phrase": "That is all."},
        ["Here we are. That is all.", '"Here we are. that is all."\n'],
        ["That is all. Bye.", "That is"],
    ),
    (
        "startend:quotation",
        {},
        ['"All of it."', ' "a"\n', "\u201cAll of it.\u201d"],
        ["All of it.", '"', '"a" he said', "'a'"],
    ),
    (
        "change_case:capital_word_frequency",
        {"capital_frequency": 2, "capital_relation": "at least"},
        ["NASA and ESA fly.", "VERY WELL-KNOWN"],
        ["NASA flies.", "Nasa Esa"],
    ),
    (
        "change_case:capital_word_frequency",
        {"capital_frequency": 2, "capital_relation": "less than"},
        ["NASA flies."],
        ["NASA and ESA."],
    ),
    (
        "change_case:english_capital",
        {},
        ["THE CAT IS ON THE TABLE AND IT SLEEPS."],
        ["The cat.", "DER HUND IST NICHT IM HAUS UND DIE KATZE AUCH NICHT."],
    ),
    (
        "change_case:english_lowercase",
        {},
        ["the cat is on the table and it sleeps."],
        ["The cat.", "der hund ist nicht im haus und die katze auch nicht."],
    ),
    ("punctuation:no_comma", {}, ["One and two."], ["One, two.", "一，二"]),
]
SPANISH: list[Row] = [
    (
        "es:change_case:spanish_capital",
        {},
        ["EL GATO ESTÁ EN LA CASA Y NO QUIERE SALIR."],
        ["El gato."],
    ),
    (
        "es:change_case:spanish_lowercase",
        {},
        ["el gato está en la casa y no quiere salir."],
        ["El gato."],
    ),
    ("es:detectable_format:constrained_response", {}, ["Quizás."], ["Sí. No.", "Tal vez."]),
    ("es:punctuation:question_marks", {}, ["¿Quién es?"], ["Quién es?", "¿?"]),
    ("es:punctuation:exclamation_marks", {}, ["¡Qué bien!"], ["Qué bien!", "¡ !"]),
    ("es:special_character:dieresis", {"let_frequency": 2}, ["pingüino y cigüeña"], ["pingüino"]),
    ("es:special_character:enie", {"let_frequency": 1}, ["Un niño"], ["niño y año", "nino"]),
    (
        "es:special_character:tildes",
        {"num_words": 2, "relation": "como máximo"},
        ["Allí está"],
        ["Allí está él"],
    ),
    (
        "es:keywords:frequency",
        {"keyword": "sol", "frequency": 1, "relation": "al menos"},
        ["el sol"],
        ["no"],
    ),
    (
        "es:detectable_content:postscript",
        {"postscript_marker": "P.D."},
        ["Fin\nP.D. Llama"],
        ["Fin. P.D."],
    ),
    (
        "es:detectable_format:multiple_sections",
        {"section_spliter": "Sección", "num_sections": 1, "relation": "al menos"},
        ["Sección 1: hola"],
        ["Sección: hola"],
    ),
]
FRENCH: list[Row] = [
    (
        "fr:change_case:french_capital",
        {},
        ["LE CHAT EST DANS LA MAISON ET NE VEUT PAS SORTIR."],
        ["Le chat."],
    ),
    (
        "fr:change_case:french_lowercase",
        {},
        ["le chat est dans la maison et ne veut pas sortir."],
        ["Le chat."],
    ),
    ("fr:detectable_format:constrained_response", {}, ["Peut-être."], ["Oui. Non.", "Certes."]),
    (
        "fr:detectable_content:informal_address",
        {},
        ["Tu sais que je pense à toi.", "Je t'aime."],
        ["Vous savez.", "Tu sais, votre maison.", "Il sait."],
    ),
    ("fr:detectable_content:no_digits", {}, ["Deux chats."], ["2 chats.", "٣ chats"]),
    (
        "fr:special_character:accents",
        {"word_to_accentuate": {"ete": "été", "ecole": "école"}},
        ["L'école ferme en été."],
        ["L'ecole ferme en été.", "L'école ferme.", "L'école ferme en été, en ete."],
    ),
    (
        "fr:special_character:ethel_or_cedilla",
        {"forbidden_char": "ç"},
        ["Voici"],
        ["Ça va", "garçon"],
    ),
    ("fr:special_character:no_accents", {}, ["Le chat et la lecon, ça"], ["été", "e\u0301te"]),
    ("fr:startend:quotation", {}, ["«\u00a0Bonjour.\u00a0»", '"Bonjour."'], ["Bonjour."]),
    (
        "fr:detectable_content:postscript",
        {"postscript_marker": "p.-s."},
        ["Fin\nP.-S. Appelle"],
        ["Fin"],
    ),
    (
        "fr:change_case:capital_word_frequency",
        {"capital_frequency": 1, "capital_relation": "moins de"},
        ["non"],
        ["NON"],
    ),
]
JAPANESE: list[Row] = [
    (
        "ja:detectable_format:constrained_response",
        {},
        ["はい、そうです。"],
        ["はい。", "はい、そうです。いいえ、違います。"],
    ),
    (
        "ja:detectable_content:number_placeholders",
        {"num_placeholders": 2},
        ["[名前]と［住所］"],
        ["[名前]"],
    ),
    (
        "ja:detectable_format:number_bullet_lists",
        {"num_bullets": 2},
        ["・犬\n・猫", "- 犬\n- 猫"],
        ["・犬"],
    ),
    (
        "ja:detectable_format:number_numbered_lists",
        {"num_items": 2},
        ["1. 犬\n2. 猫", "１．犬\n２．猫"],
        ["1. 犬"],
    ),
    (
        "ja:detectable_format:number_highlighted_sections",
        {"num_highlights": 1},
        ["《犬》が好き"],
        ["犬", "《》"],
    ),
    (
        "ja:detectable_format:multiple_sections",
        {"section_spliter": "章", "num_sections": 2},
        ["第1章\n犬\n第2章\n猫", "第一章 第二章"],
        ["第1章\n犬", "章1 章2"],
    ),
    ("ja:detectable_format:title", {}, ["『犬の話』\n昔"], ["「犬の話」", "『』"]),
    (
        "ja:detectable_format:nominal_ending",
        {"count": 2},
        ["青い空。静かな海。", "これはペン。あれはノート！"],
        ["空が青い。海は静かだ。"],
    ),
    (
        "ja:length_constraints:number_letters",
        {"num_letters": 3, "relation": "以上"},
        ["犬と猫"],
        ["犬 猫"],
    ),
    (
        "ja:length_constraints:number_letters",
        {"num_letters": 3, "relation": "未満"},
        ["犬猫"],
        ["犬と猫"],
    ),
    (
        "ja:length_constraints:number_sentences",
        {"num_sentences": 2, "relation": "以上"},
        ["犬だ。猫だ。"],
        ["犬だ。"],
    ),
    (
        "ja:length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "猫"},
        ["犬だ。\n\n猫は寝る。"],
        ["犬だ。\n\n犬と猫。"],
    ),
    ("ja:letters:furigana", {}, ["犬（いぬ）と猫（ねこ）"], ["犬（いぬ）と猫", "いぬ"]),
    ("ja:letters:hiragana_only", {}, ["いぬとねこ。"], ["犬とねこ", "いぬ3", "イヌ"]),
    ("ja:letters:katakana_only", {}, ["イヌトネコ。スーパー"], ["いぬ", "イヌabc"]),
    ("ja:letters:no_hiragana", {}, ["犬猫"], ["犬と猫"]),
    ("ja:letters:no_katakana", {}, ["犬と猫"], ["犬とネコ"]),
    ("ja:letters:kanji", {"kanji_limit": 2, "relation": "以上"}, ["犬と猫"], ["犬とねこ"]),
    ("ja:letters:kanji", {"kanji_limit": 2, "relation": "未満"}, ["犬とねこ"], ["犬と猫"]),
    ("ja:letters:kansuuji", {}, ["三匹の犬"], ["3匹の犬", "犬", "３匹と三匹"]),
    ("ja:punctuation:no_comma", {}, ["犬と猫。"], ["犬、猫。"]),
    ("ja:punctuation:no_period", {}, ["犬と猫！"], ["犬と猫。"]),
    ("ja:startend:quotation", {}, ["「犬と猫」"], ["犬と猫", "「"]),
    (
        "ja:startend:sentence_unified_end",
        {"ending": "です"},
        ["犬です。猫です！"],
        ["犬です。猫だ。", "。"],
    ),
    ("ja:keywords:forbidden_words", {"forbidden_words": ["猫"]}, ["犬"], ["子猫"]),
    (
        "ja:keywords:letter_frequency",
        {"letter": "か", "let_frequency": 2, "let_relation": "未満"},
        ["か"],
        ["かか"],
    ),
    (
        "ja:startend:end_checker",
        {"end_phrase": "以上です。"},
        ["犬。以上です。", "「以上です。」"],
        ["以上です。犬"],
    ),
]
ROWS = [*ENGLISH, *SPANISH, *FRENCH, *JAPANESE]


def gold(name: str, arguments: dict[str, Any], **options: str) -> dict[str, Any]:
    return {"instruction_id_list": [name], "kwargs": [arguments], **options}


@pytest.mark.parametrize("row", ROWS, ids=[f"{i}-{row[0]}" for i, row in enumerate(ROWS)])
def test_followed_and_not(row: Row):
    name, arguments, follow, violate = row
    assert RULE.check_gold(gold(name, arguments)) is None
    for text in follow:
        assert RULE(gold(name, arguments), text).correct is True, text
    for text in violate:
        assert RULE(gold(name, arguments), text).correct is False, text


def test_every_id_of_its_own_has_a_row():
    named = {row[0] for row in ROWS}
    assert set(instructions.general.CHECKS) <= named
    own = {
        f"{language}:{name}"
        for language, checks in (
            ("es", instructions.romance.SPANISH),
            ("fr", instructions.romance.FRENCH),
            ("ja", instructions.japanese.JAPANESE),
        )
        for name, check in checks.items()
        if instructions.general.CHECKS.get(name) is not check
    }
    assert own <= named
    assert {"en:punctuation:no_comma", "es:punctuation:no_comma"} <= CHECKS.keys()


@pytest.mark.parametrize("row", ROWS[::6], ids=lambda row: row[0])
@pytest.mark.parametrize(
    "text",
    [
        "*" * 20_000,
        "[" * 20_000,
        "\u00bf" * 20_000,
        "a\n\n" * 5_000,
        "第1" * 9_000,
        "<<" * 9_000,
        "P.S" * 9_000,
        "\ud800",
    ],
    ids=[
        "stars",
        "brackets",
        "questions",
        "paragraphs",
        "chapters",
        "titles",
        "marks",
        "surrogate",
    ],
)
def test_hostile_texts_are_answered(row: Row, text: str):
    assert RULE(gold(row[0], row[1]), text).correct in (True, False)


def test_all_instructions_must_be_followed_and_each_has_its_result():
    both = {
        "instruction_id_list": ["punctuation:no_comma", "detectable_format:title"],
        "kwargs": [{}, {}],
    }
    verdict = RULE(both, "One, two. <<Title>>")
    assert (verdict.status, verdict.score) == (Status.WRONG, 0.0)
    assert [case.status for case in verdict.cases] == [CaseStatus.FAILED, CaseStatus.PASSED]
    assert verdict.reason == "not followed: punctuation:no_comma"
    assert RULE({**both, "score": "fraction"}, "One, two. <<Title>>").score == 0.5
    assert RULE({**both, "score": "fraction"}, "One two. <<Title>>").score == 1.0


def test_a_loose_reading_forgives_a_first_line_and_stars():
    rows = [
        ("startend:quotation", {}, 'Sure:\n"All of it."'),
        ("startend:end_checker", {"end_phrase": "Bye."}, "Bye.\nAnything else?"),
        ("combination:repeat_prompt", {"prompt_to_repeat": "Hello"}, "**Hello** there"),
        ("detectable_format:json_format", {}, "Here:\n{}\nDone"),
    ]
    for name, arguments, text in rows:
        assert RULE(gold(name, arguments), text).correct is False, name
        assert RULE(gold(name, arguments, mode="loose"), text).correct is True, name
    assert RULE(gold("punctuation:no_comma", {}, mode="loose"), "a, b\nc, d\ne, f").correct is False
    assert len(loose_variants("a\nb\nc")) == 8


def test_nulls_among_the_arguments_are_absent():
    row = gold("punctuation:no_comma", {"num_words": None, "keywords": None})
    assert RULE.check_gold(row) is None
    assert RULE(json.dumps(row), "fine").correct is True


@pytest.mark.parametrize(
    "bad",
    [
        None,
        {},
        {"instruction_id_list": []},
        {"instruction_id_list": ["punctuation:no_comma"] * 33},
        {"instruction_id_list": ["no:such"], "kwargs": [{}]},
        {"instruction_id_list": [3], "kwargs": [{}]},
        {"instruction_id_list": ["punctuation:no_comma"], "kwargs": []},
        {"instruction_id_list": ["punctuation:no_comma"], "kwargs": [3]},
        {"instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}], "mode": "lax"},
        {"instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}], "score": "some"},
        gold("punctuation:no_comma", {"num_words": 3}),
        gold("length_constraints:number_words", {}),
        gold("length_constraints:number_words", {"num_words": "3"}),
        gold("length_constraints:number_words", {"num_words": -1}),
        gold("length_constraints:number_words", {"num_words": 2.5}),
        gold("length_constraints:number_words", {"num_words": float("nan")}),
        gold("length_constraints:number_words", {"num_words": 3, "relation": "about"}),
        gold("keywords:existence", {"keywords": "word"}),
        gold("keywords:existence", {"keywords": [1]}),
        gold("keywords:existence", {"keywords": []}),
        gold("keywords:frequency", {"keyword": " ", "frequency": 1}),
        gold("language:response_language", {"language": "xx"}),
        gold("fr:special_character:accents", {"word_to_accentuate": {"a": 1}}),
    ],
)
def test_bad_golds(bad: object):
    assert RULE.check_gold(bad)
    assert RULE(bad, "text").status is Status.BAD_GOLD


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("One. Two! Three?", 3),
        ("Dr. Who met Mr. Lee, e.g. at noon.", 1),
        ("It costs 3.50 or 4.", 1),
        ("No end", 1),
        ("Really?! Yes...", 2),
        ('"Stop." He left.', 2),
        ("1. First\n2. Second", 1),
        ("犬だ。猫だ！", 2),
        ("...", 0),
        ("", 0),
    ],
)
def test_sentences(text: str, number: int):
    assert len(sentences(text)) == number


def test_counting():
    assert num_words("It's a well-known fact.") == 6
    assert contains_word("a cat.", "CAT") and not contains_word("cats", "cat")
    assert not contains_word("cat", " ")
    assert not contains_word("a" * 500, "a")
    assert [compare(3, r, 3) for r in ("at least", "at most", "less than", "more than", "exactly")] == [
        True, True, False, False, True,
    ]  # fmt: skip
