"""The rows of the corpus: templates of ``corpus/*.toml`` filled in from seeds or from your own
problems.

A template says what stands in the completion, in one of three ways: ``answer`` is the final answer
alone, set in the layout of its ``template`` ("boxed", "answer_tag", "hash4", "plain", "line");
``final`` is everything after the thinking; ``completion`` is everything. ``code`` is a program in a
fence. ``\u27e6gold\u27e7``, ``\u27e6wrong\u27e7`` and the other names of ``distractors`` are
replaced, and ``\u27e6400*x\u27e7`` is x four hundred times.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources
from typing import Any

from cogitate.verifiers.attacks.distractors import distractors
from cogitate.verifiers.exact import numbers_equal

CANARY = "/tmp/cogitate_attack_canary"
"""A file that hostile programs try to make outside their sandbox; it must not exist afterwards."""
THINKING = "I work it out step by step and check the result."
LAYOUTS: Mapping[str, str] = {
    "boxed": r"The answer is $\boxed{%s}$.",
    "answer_tag": "<answer>%s</answer>",
    "hash4": "#### %s",
    "plain": "The answer is %s",
    "line": "%s",
}
"""How a final answer is written, by template; a "line" is all of the completion."""
DEFAULT_LIMIT = 5.0
"""Seconds that a verdict may take unless a row says otherwise."""

_PLACE = re.compile("\u27e6(?:([a-z]+[0-9]?)|u\\+([0-9a-f]{4})|(\\d+)\\*([^\u27e6\u27e7]*))\u27e7")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """One completion and what its verdict should be.

    ``family`` is the class of attack ("hedging", "location", ...) or of writing ("thousands", ...).
    ``correct`` is None where no verdict is possible (a bad gold answer). ``status`` and ``cause``
    are set where more than right or wrong is expected. ``limit`` is seconds. ``plain`` rows hold
    the gold answer as it is: who refuses those refuses everything. ``columns`` are further fields
    of a data set's row, which some rewards want.
    """

    id: str
    kind: str
    family: str
    gold: Any
    completion: str
    correct: bool | None
    why: str
    limit: float = DEFAULT_LIMIT
    question: str = ""
    template: str | None = None
    policy: str | None = None
    prefilled: bool = False
    arity: int | None = None
    status: str | None = None
    cause: str | None = None
    plain: bool = False
    columns: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def row(self) -> dict[str, Any]:
        """The row as ``cogitate grade`` reads it."""
        optional = {
            "template": self.template, "policy": self.policy, "gold_arity": self.arity,
            "prefilled_think": self.prefilled or None, "question": self.question or None,
            "expected_status": self.status,
        }  # fmt: skip
        return {
            "id": self.id,
            "task_kind": self.kind,
            "ground_truth": self.gold,
            "completion": self.completion,
            "should_be_correct": self.correct,
            "why": self.why,
            "category": self.family,
            "must_finish_s": self.limit,
            **{name: value for name, value in optional.items() if value is not None},
        }


def corpus(kinds: Iterable[str] | None = None) -> tuple[Attack, ...]:
    """All rows, or those of some kinds, in a fixed order.

    >>> len(corpus()) > 300, len({row.id for row in corpus()}) == len(corpus())
    (True, True)
    """
    wanted = None if kinds is None else set(kinds)
    return tuple(row for row in _all_rows() if wanted is None or row.kind in wanted)


def from_problems(
    problems: Iterable[tuple[str, str]], *, layout: str = "boxed", kind: str = "math"
) -> tuple[Attack, ...]:
    """Attacks on (question, gold) pairs of your own: those templates that need only a gold.

    The rows of the n-th pair have ids that end with ``/n``.

    >>> rows = from_problems([("1 + 1?", "2")])
    >>> rows[0].completion.rpartition("\\n")[2]
    'The answer is $\\\\boxed{2}$.'
    """
    rows = []
    for number, (question, gold) in enumerate(problems):
        plain = {"id": "plain", "class": "styling", "answer": "\u27e6gold\u27e7", "correct": True,
                 "why": "the gold answer as it is"}  # fmt: skip
        seed = {"question": question, "gold": gold}
        for template in (plain, _NEXT, *_general_templates()):
            row = _filled({**template, "kind": kind}, seed, layout=layout)
            if row is not None and not _says_gold(template, gold):
                name = f"{kind}/{row.family}/{template['id']}/{number}"
                rows.append(replace(row, id=name))
    return tuple(rows)


def _says_gold(template: Mapping[str, Any], gold: str) -> bool:
    """Whether a distortion of this gold answer is the gold answer after all: -0, +-0, 6.250."""
    if template.get("correct"):
        return False
    if numbers_equal(gold, "0") and template["id"] in ("plus-minus", "uncertainty"):
        return True
    parts = {**dict.fromkeys(("below", "above", "head", "tail"), "?"), **distractors(gold)}
    answer = _PLACE.sub(lambda match: _replaced(match, parts), template.get("answer", ""))
    return numbers_equal(answer, gold)


_NEXT = {"id": "off-by-one", "class": "false-positive", "answer": "\u27e6wrong\u27e7",
         "why": "another answer"}  # fmt: skip


def in_layout(rows: Iterable[Attack], layout: str) -> tuple[Attack, ...]:
    """Mathematics rows written for another layout: those whose answer alone matters move, those
    that are about the layout of boxes stay out.

    ``rows`` is usually ``corpus(["math"])``; rows of other kinds are left out.
    """
    wanted = {row.id for row in rows if row.kind == "math"}
    found = []
    for template, seed in _templates():
        if template["kind"] != "math" or "completion" in template or "final" in template:
            continue
        moved = _filled({**template, "template": layout}, seed)
        if moved is not None and _named(template, seed) in wanted:
            found.append(moved)
    return tuple(found)


@cache
def _all_rows() -> tuple[Attack, ...]:
    rows = (_filled(template, seed) for template, seed in _templates())
    return tuple(row for row in rows if row is not None)


@cache
def _documents() -> dict[str, dict[str, Any]]:
    folder = resources.files("cogitate.verifiers.attacks") / "corpus"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".toml"))
    return {name: tomllib.loads((folder / name).read_text(encoding="utf-8")) for name in names}


def _templates() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Every template with its file's defaults, once for each seed."""
    documents = _documents()
    seeds = documents["seeds.toml"]
    for name, document in documents.items():
        if name == "seeds.toml":
            continue
        defaults = {key: value for key, value in document.items() if key not in ("row", "golds")}
        for own in document["row"]:
            template = {**defaults, **own}
            if "gold" in own or ("gold" in template and "seeds" not in own):
                gold = template["gold"]
                gold = document.get("golds", {}).get(gold, gold) if isinstance(gold, str) else gold
                yield template, {"gold": gold, "question": template.get("question", "")}
                continue
            names = template["seeds"]
            for seed_name in [names] if isinstance(names, str) else names:
                for seed in seeds[seed_name]:
                    yield template, seed


_SEEDED = r"57|58|19|\b3\b"  # of the questions that hostile templates were written for


@cache
def _general_templates() -> tuple[dict[str, Any], ...]:
    """Templates for whole numbers that mention no number themselves."""
    found = {}
    for template, _ in _templates():
        text = " ".join(str(template.get(part, "")) for part in ("answer", "final", "completion"))
        numbers = re.search(
            _SEEDED if template["class"] == "hostile" else r"\d", _PLACE.sub("", text)
        )
        about_numbers = {"integers", "one_integer"} & set(_listed(template.get("seeds", ())))
        special = "gold" in template or template["id"] in ("plain", "off-by-one")
        if template["kind"] == "math" and about_numbers and not numbers and not special:
            found[template["id"], template["class"]] = template
    return tuple(found.values())


def _filled(
    template: Mapping[str, Any], seed: Mapping[str, Any], *, layout: str | None = None
) -> Attack | None:
    """A row, or None if the template needs a part that this gold answer does not have or is
    written for another layout."""
    gold = seed["gold"]
    style = template.get("template") or layout or "boxed"
    if layout is not None:
        moved = _moved(template, style, layout)
        if moved is None:
            return None
        template = moved
    parts = {**(distractors(gold) if isinstance(gold, str) else {}), "canary": CANARY}
    text = _completion(template, style)
    needed = {match[1] for match in _PLACE.finditer(text) if match[1]}
    if not needed <= parts.keys():
        return None
    return Attack(
        id=_named(template, seed),
        kind=template["kind"],
        family=template["class"],
        gold=gold,
        completion=_PLACE.sub(lambda match: _replaced(match, parts), text),
        correct=None if template.get("status") == "bad_gold" else template.get("correct", False),
        why=template["why"],
        limit=float(template.get("limit", DEFAULT_LIMIT)),
        question=template.get("question") or seed.get("question", ""),
        template=template.get("template") or layout,
        policy=template.get("policy"),
        prefilled=template.get("prefilled", False),
        arity=template.get("arity"),
        status=template.get("status"),
        cause=template.get("cause"),
        plain=template["id"] == "plain",
    )


def _moved(template: Mapping[str, Any], style: str, layout: str) -> Mapping[str, Any] | None:
    r"""A template for another layout than boxes: its answer moves, and so do wrong completions
    whose boxes hold one placeholder each; everything else is about boxes and stays out."""
    whole = next((part for part in ("final", "completion") if part in template), None)
    if style != layout:
        return None
    if whole is None or layout == "boxed" or "template" in template:
        return template
    text = _BOXED.sub(r"<answer>\1</answer>", template[whole])
    if layout != "answer_tag" or template.get("correct") or "boxed" in text or "####" in text:
        return None
    return {**template, whole: text} if text != template[whole] else None


_BOXED = re.compile("\\$?\\\\boxed\\{(\u27e6[a-z0-9]+\u27e7)\\}\\$?")


def _completion(template: Mapping[str, Any], style: str) -> str:
    if "completion" in template:
        return template["completion"]
    if "code" in template:
        final = f"```{template['fence']}\n{template['code'].strip()}\n```"
    elif "final" in template:
        final = template["final"].strip() if template.get("fence") == "" else template["final"]
    else:
        final = LAYOUTS[style] % template["answer"]
    if style == "line":
        return final
    return f"<think>\n{THINKING}\n</think>\n\n{final}"


def _replaced(match: re.Match[str], parts: Mapping[str, str]) -> str:
    name, code, count, text = match.groups()
    if name:
        return parts[name]
    return chr(int(code, 16)) if code else text * int(count)


def _named(template: Mapping[str, Any], seed: Mapping[str, Any]) -> str:
    """A readable name, with the gold answer where a template is used for several."""
    name = f"{template['kind']}/{template['class']}/{template['id']}"
    seeds = _listed(template.get("seeds", ()))
    if "gold" in template or seeds in ([], ["one_integer"]) or not isinstance(seed["gold"], str):
        return name
    return f"{name}/{re.sub('[^A-Za-z0-9.]+', '-', seed['gold']).strip('-')}"


def _listed(names: Any) -> list[str]:
    return [names] if isinstance(names, str) else list(names)
