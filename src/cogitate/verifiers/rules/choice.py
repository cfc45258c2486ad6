r"""Multiple choice: which option letter does a text commit itself to?

What counts, all of it together, and it must agree: the content of ``<answer>``, explicit answer
lines ("**Answer: D**"), boxes that hold a letter (``\boxed{\text{E}}``, ``\boxed{E: a score}``) and
a last line that is nothing but a letter. Only without any of these does a phrase inside a sentence
("... so the answer is (C)") count, and only if it is not denied, reported or conditional and no
other letter stands behind it. Letters inside formulas, articles and letters in prose are no
answer. Two different letters are no answer to a question with one right option.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from cogitate.text.think import ANSWER_CLOSE, ANSWER_OPEN, boxed_contents
from cogitate.verdict import Verdict
from cogitate.verifiers.rules.final import after_thinking, answer_lines
from cogitate.verifiers.rules.rule import GoldError, Rule, gold_json, gold_mapping, judged
from cogitate.verifiers.rules.text_match import normalise_text

Mode = Literal["any", "delimited", "letter"]

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
DEFAULT_OPTIONS = 10
"""Options A to J unless the gold answer says which there are."""
MAX_STATEMENTS = 64
"""Most different statements of one form."""
MAX_STATEMENT_CHARS = 600
"""How much of one statement is read, characters; a longer one is cut."""

_WRAPPER = re.compile(r"\\(?:text|textbf|textit|mathrm|mathbf|mbox|boxed|fbox)\s*\{([^{}]*)\}")
_NOISE = str.maketrans("", "", "$*`\u200b\u200c\u200d\u2060\ufeff")
_PREFIX = re.compile(r"(?:the\s+)?(?:option|choice|letter)\s+(?=[(\[]?[A-Z]\b)", re.IGNORECASE)
_FIRST = re.compile(r"[\s\"'\u201c(\[]{0,4}([A-Za-z])[)\]]?(?![A-Za-z0-9_'\u2019])")
_DELIMITED = re.compile(
    r"\s{0,2}(?:$|[.:)\],;?!\u3002\uff0c\u3001/&|]|(?<=\s)[-\u2013\u2014]\s)|[\u3400-\u9fff]"
)
_SENTENCE_VERB = re.compile(
    r"\s+(?:is|was|because|since|as|so|seems|looks|holds|fits|follows|or|and|nor)\b"
)
_DENIED = re.compile(
    r"\W{0,4}(?:is|was|isn.t|seems|looks|cannot|can.t|would|could|might|may)\b"
    r"[^.;]{0,40}?\b(?:not|wrong|incorrect|false|invalid|impossible|excluded|out|be\s+excluded)\b"
    r"|\W{0,4}(?:isn.t|cannot|can.t)\b",
    re.IGNORECASE,
)
_ANOTHER = re.compile(
    r"(?:^\s*|[,;/&|?!(\[\u3001\u6216\u548c]\s*|\b(?i:or|and|nor|maybe|perhaps|possibly|probably|also|either|"
    r"(?:might|may|could)\s+(?:also\s+|well\s+)?be|likely|wait|rather|instead|alternatively|actually|"
    r"(?:option|choice|answer)(?:\s+is)?|"
    r"oder|und|ou|et|o|y|e|или|и)\b[\s:*_]*)"
    r"[(\[]?([A-Z])(?![A-Za-z0-9_'\u2019])(?!\s+[a-z])"
)
_FORMULA = re.compile(r"\s*[+#=<>^_]")
_ALONE = re.compile(
    r"(?<![A-Za-z0-9_'\u2019=+^<>*/\\-])(?<!\bnot )(?<!\bthan )([A-Z])"
    r"(?![A-Za-z0-9_'\u2019]|\s*[=+^<>/\\])"
)
_CONDITION = re.compile(
    r"\b(?:unless|if|otherwise|might|maybe|perhaps|possibly|mistaken|though|depending|could)\b",
    re.IGNORECASE,
)
_REPORTED = re.compile(
    r"\b(?:unless|if|whether|might|maybe|says?|said|claims?|claimed|suppose|assume|doubt)\b",
    re.IGNORECASE,
)
_NEGATED = re.compile(
    r"\b(?:not|never|cannot|wrong|mistaken|incorrect|false|mistake|den(?:y|ies))\b|n['\u2019]t\b",
    re.IGNORECASE,
)
_CLAUSE_START = re.compile(r"[.;!?\n]|\b(?:so|thus|hence|therefore)\b", re.IGNORECASE)
_CLAUSE_END = re.compile(r"(?<!\.)[.!?](?=\s|\Z)|\n")
_PHRASE = re.compile(
    r"\b(?:answer|option|choice)[ ](?:is|must[ ]be|should[ ]be|would[ ]be|has[ ]to[ ]be)\b[ ]?:?"
    r"[ *_]{0,4}",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceGold:
    """The right letters (nearly always one), the letters there are, and the options' texts."""

    right: frozenset[str]
    letters: str
    texts: Mapping[str, str]


def read_gold(gold: object) -> ChoiceGold:
    """A letter, or ``{"answer": letter or letters, "options": texts, letters or a count}``."""
    if isinstance(gold, str) and not gold.lstrip().startswith("{"):
        answer, options = gold, None
    elif isinstance(gold_json(gold), list):
        answer, options = gold_json(gold), None
    else:
        fields = gold_mapping(gold, required=("answer",), optional=("options",))
        answer, options = fields["answer"], fields.get("options")
    letters, texts = _read_options(options)
    right = frozenset(_read_letter(letter) for letter in _split(answer))
    if not right:
        raise GoldError("no option letter")
    if options is None:
        letters = LETTERS[: max(DEFAULT_OPTIONS, *(LETTERS.index(x) + 1 for x in right))]
    if not right <= set(letters):
        raise GoldError(f"{', '.join(sorted(right))} is not among the options {letters}")
    return ChoiceGold(right=right, letters=letters, texts=texts)


def judge(gold: ChoiceGold, text: str) -> Verdict:
    """CORRECT if the text commits itself to the right options and to no other."""
    chosen = chosen_options(text, letters=gold.letters, texts=gold.texts)
    shown = ", ".join(sorted(chosen)) or None
    if chosen == gold.right:
        return judged(True, answer=shown)
    if not chosen:
        return judged(False, cause="no_answer", reason="no option is stated as the answer")
    if len(chosen) > len(gold.right):
        return judged(False, cause="hedged", reason="several options are stated", answer=shown)
    return judged(False, cause="other_option", reason="another option", answer=shown)


def chosen_options(
    text: str, *, letters: str = LETTERS[:DEFAULT_OPTIONS], texts: Mapping[str, str] | None = None
) -> frozenset[str]:
    r"""All option letters that the text states as its answer; empty if none.

    >>> sorted(chosen_options("Since A fails, the answer is (C)."))
    ['C']
    >>> sorted(chosen_options(r"\boxed{A}, or rather **Answer: B**"))
    ['A', 'B']
    """
    text = unicodedata.normalize("NFKC", after_thinking(text))
    known = {normalise_text(option): letter for letter, option in (texts or {}).items()}
    found = _states(answer_lines(text), letters, known)
    found |= _states(boxed_contents(text), letters, known, mode="delimited")
    if ANSWER_OPEN in text:
        found |= _states(_blocks(text), letters, known)
    *before, last = text.strip().splitlines() or [""]
    found |= _states([last], letters, known, mode="letter" if before else "delimited")
    if not found:
        found = _phrases(text, letters, known)
    return frozenset(found)


def _phrases(text: str, letters: str, known: Mapping[str, str]) -> set[str]:
    """The letters of "the answer is C" inside sentences, and all that stand behind the first."""
    phrases = islice(_PHRASE.finditer(text), MAX_STATEMENTS * 100)
    kept = [phrase for phrase in phrases if not _taken_back(text, phrase)]
    found = _states((_sentence(text, phrase.end()) for phrase in kept), letters, known)
    return found | _alone(text[kept[0].end() :], letters) if found else found


def _taken_back(text: str, phrase: re.Match[str]) -> bool:
    """Whether the sentence around a phrase denies it, reports it or makes it conditional."""
    before = text[max(0, phrase.start() - MAX_STATEMENT_CHARS) : phrase.start()]
    before = _CLAUSE_START.split(before)[-1]
    after = _first_sentence(_sentence(text, phrase.end()))
    return (
        _REPORTED.search(before) is not None
        or _NEGATED.search(before.rpartition(",")[2]) is not None
        or _CONDITION.search(after) is not None
    )


def _first_sentence(text: str) -> str:
    end = _CLAUSE_END.search(text, 2)
    return text[: end.start()] if end else text


def _alone(text: str, letters: str) -> set[str]:
    """The option letters that stand alone in a text and are not denied."""
    found = set()
    for match in _ALONE.finditer(text):
        rest = text[match.end() : match.end() + 80]
        article = (
            match[1] in "AI" and re.match(r"\s+[a-z]", rest) and not _SENTENCE_VERB.match(rest)
        )
        if match[1] in letters and not article and not _DENIED.match(rest):
            found.add(match[1])
    return found


def _states(
    statements: Iterable[str], letters: str, known: Mapping[str, str], *, mode: Mode = "any"
) -> set[str]:
    """The letters of all statements. ``mode``: "letter" takes only statements that are nothing but
    a letter, "delimited" those that set it off from what follows, as in "C. 5 metres"."""
    found: set[str] = set()
    distinct = {_plain(statement) for statement in islice(statements, MAX_STATEMENTS * 100)}
    if len(distinct) > MAX_STATEMENTS:
        return set(letters)  # a flood commits to nothing
    for statement in distinct:
        if mode != "letter" and (letter := _named(statement, known)):
            found.add(letter)
        elif mode != "letter" or len(statement.strip(" .()[]")) == 1:
            found |= _stated(statement, letters, known, in_sentences=mode == "any")
    return found


def _stated(
    statement: str, letters: str, known: Mapping[str, str], *, in_sentences: bool
) -> set[str]:
    """The letter a statement begins with, and every other one that it offers beside it."""
    if in_sentences and (prefix := _PREFIX.match(statement)):
        statement = statement[prefix.end() :]
    match = _FIRST.match(statement)
    if match is None:
        return set()
    letter, rest = match[1].upper(), statement[match.end() :]
    closed = match.group()[-1] in ")]"
    delimited = closed or _DELIMITED.match(rest) is not None
    in_sentence = (
        in_sentences
        and match[1].isupper()
        and rest[:1].isspace()
        and not _FORMULA.match(rest)
        and (letter not in "AI" or _SENTENCE_VERB.match(rest) is not None)
    )
    if letter not in letters or not (delimited or in_sentence) or _DENIED.match(rest):
        return set()
    if named := _named(rest.lstrip(" .:)]-\u2013\u2014"), known):
        return {letter, named}
    if in_sentences and _CONDITION.search(sentence := _first_sentence(rest)):
        return {letter} | _alone(sentence, letters)
    return {letter} | {m[1] for m in _ANOTHER.finditer(rest) if m[1] in letters}


def _named(statement: str, known: Mapping[str, str]) -> str | None:
    """The letter of the option whose text a statement is, perhaps behind "the"."""
    text = normalise_text(statement)
    return known.get(text) or known.get(text.removeprefix("the "))


def _plain(statement: str) -> str:
    """A statement without LaTeX text commands, markup and blanks around it."""
    statement = statement[:MAX_STATEMENT_CHARS]
    if "\\" in statement:
        statement = _WRAPPER.sub(r"\1", statement)
    return statement.translate(_NOISE).strip(" \t\n_")


def _sentence(text: str, start: int) -> str:
    """From ``start`` to the end of the line."""
    return text[start : start + MAX_STATEMENT_CHARS].partition("\n")[0]


def _blocks(text: str) -> list[str]:
    """Contents of the ``<answer>`` blocks, which hedge if they differ."""
    return [part.partition(ANSWER_CLOSE)[0] for part in text.split(ANSWER_OPEN)[1:]]


def _read_options(options: object) -> tuple[str, dict[str, str]]:
    if options is None:
        return LETTERS, {}
    if isinstance(options, int) and not isinstance(options, bool) and 2 <= options <= 26:
        return LETTERS[:options], {}
    if isinstance(options, list | tuple) and 2 <= len(options) <= 26:
        texts = {LETTERS[i]: str(option) for i, option in enumerate(options)}
    elif isinstance(options, Mapping) and 2 <= len(options) <= 26:
        texts = {_read_letter(letter): str(option) for letter, option in options.items()}
    else:
        raise GoldError('"options" must be 2 to 26 texts, or their number')
    if len({normalise_text(option) for option in texts.values()}) < len(texts):
        texts = dict.fromkeys(texts, "")  # equal options: only letters tell them apart
    return "".join(sorted(texts)), {k: v for k, v in texts.items() if normalise_text(v)}


def _split(answer: object) -> list[str]:
    if isinstance(answer, list | tuple):
        return [str(part) for part in answer]
    return re.split(r"\s*(?:,|;|&|\band\b)\s*", str(answer)[:200])


def _read_letter(text: object) -> str:
    match = re.fullmatch(r"[(\[]?([A-Za-z])[)\]]?[.:]?", _plain(str(text)))
    if match is None:
        raise GoldError(f"{str(text)[:40]!r} is not an option letter")
    return match[1].upper()


RULE = Rule(kind="mcq", read_gold=read_gold, judge=judge)
