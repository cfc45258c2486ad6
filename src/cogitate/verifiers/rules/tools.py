"""Tool calls: are these the calls that were asked for, each with accepted arguments?

Gold answers have the shape of the Berkeley function-calling leaderboard: a list of
``{function: {argument: [accepted values]}}``. An argument may be left out if "" is among its
accepted values. An empty list means that no call is right.
"""

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cogitate.text.think import has_visible_text
from cogitate.verdict import Verdict
from cogitate.verifiers.rules.json_text import JsonError, json_answer, parse_json
from cogitate.verifiers.rules.literals import Call, LiteralError, parse_calls
from cogitate.verifiers.rules.rule import GoldError, Rule, gold_json, gold_mapping, judged

MAX_CALLS = 64
"""Most calls of a gold answer and of an answer."""

_BLOCK = re.compile(r"<(tool_call|function_call)>")
_LOOSE = str.maketrans("", "", " ,./-_*^\t\n")
_NUMERAL = re.compile(r"[+-]?(?:\d[\d,]*+)?(?:\.\d++)?", re.ASCII)
Arguments = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolGold:
    """The calls to make, whether their order counts, and the parameters of each known function in
    order, which arguments by position need."""

    calls: tuple[tuple[str, Mapping[str, Sequence[Any]]], ...]
    ordered: bool
    parameters: Mapping[str, tuple[str, ...]]


class NoCalls(ValueError):
    """The text is not a list of calls; the message says why."""


def read_gold(gold: object) -> ToolGold:
    """The list itself, or ``{"calls": list, "functions": schemas, "ordered": bool}``."""
    value = gold_json(gold)
    functions: object = ()
    ordered: object = False
    if isinstance(value, Mapping):
        fields = gold_mapping(value, required=("calls",), optional=("functions", "ordered"))
        value, functions = gold_json(fields["calls"]), fields.get("functions", ())
        ordered = fields.get("ordered", False)
    if not isinstance(value, list | tuple) or len(value) > MAX_CALLS:
        raise GoldError(f"expected a list of at most {MAX_CALLS} calls")
    if not isinstance(ordered, bool):
        raise GoldError('"ordered" must be true or false')
    return ToolGold(
        calls=tuple(_read_call(call) for call in value),
        ordered=ordered,
        parameters=_read_functions(functions),
    )


def judge(gold: ToolGold, text: str) -> Verdict:
    """CORRECT if there are exactly these calls, or none where none was asked for."""
    if not gold.calls:
        return _judge_irrelevance(gold, text)
    try:
        calls = read_calls(text, gold.parameters)
    except NoCalls as error:
        return judged(False, cause="no_calls", reason=str(error))
    shown = json.dumps([{name: arguments} for name, arguments in calls], default=str)
    if len(calls) != len(gold.calls):
        reason = f"{len(calls)} calls, {len(gold.calls)} asked for"
        return judged(False, cause="number_of_calls", reason=reason, answer=shown)
    fits = [[_fits(call, wanted) for wanted in gold.calls] for call in calls]
    right = all(fits[i][i] for i in range(len(fits))) if gold.ordered else _matched(fits)
    return judged(right, cause="other_calls", reason="another call or argument", answer=shown)


def read_calls(
    text: str, parameters: Mapping[str, Sequence[str]] | None = None
) -> list[tuple[str, dict[str, Any]]]:
    """The calls a text makes: ``<tool_call>`` blocks if it has any, else JSON or Python calls.

    JSON: an object or a list of objects ``{"name": ..., "arguments": {...}}``, the same inside
    ``"function"``, or ``{function: {argument: value}}``. Raises NoCalls.

    >>> read_calls('<tool_call>{"name": "f", "arguments": {"a": 1}}</tool_call>')
    [('f', {'a': 1})]
    """
    pieces = _blocks(text)
    if pieces is None:
        try:
            pieces = [json_answer(text)]
        except JsonError as error:
            raise NoCalls(str(error)) from error
    calls: list[tuple[str, dict[str, Any]]] = []
    for piece in pieces:
        calls.extend(_read_piece(piece, parameters or {}))
        if len(calls) > MAX_CALLS:
            raise NoCalls(f"more than {MAX_CALLS} calls")
    return calls


def values_equal(accepted: Any, value: Any) -> bool:
    """Whether a value is an accepted one: texts without regard to case, blanks and ``,./-_*^``
    (a text that is a number keeps its sign and decimal point), numbers by value,
    lists in order; of an object, the accepted values for each key.

    >>> values_equal("New York, NY", "new york ny"), values_equal(1, True), values_equal(2, 2.0)
    (True, False, True)
    """
    if isinstance(accepted, str) or isinstance(value, str):
        both = isinstance(accepted, str) and isinstance(value, str)
        return both and _plain(str(accepted)) == _plain(str(value))
    if isinstance(accepted, bool) or isinstance(value, bool):
        return accepted is value
    if isinstance(accepted, list | tuple):
        if not isinstance(value, list | tuple) or len(accepted) != len(value):
            return False
        return all(map(values_equal, accepted, value))
    if isinstance(accepted, Mapping):
        return isinstance(value, Mapping) and _arguments_fit(accepted, value)
    if isinstance(accepted, int | float) and isinstance(value, int | float):
        return accepted == value
    return accepted is None and value is None


def _judge_irrelevance(gold: ToolGold, text: str) -> Verdict:
    """No call, and something said instead; a call that cannot be read is one all the same."""
    if _BLOCK.search(text):
        return judged(False, cause="call", reason="a call where none is right")
    try:
        calls = read_calls(text, gold.parameters)
    except NoCalls:
        names = [name for name in gold.parameters if f"{name}(" in text or f'"{name}"' in text]
        said = has_visible_text(text.strip("[](){}`"))
        return judged(
            not names and said, cause="call" if names else "empty", reason="a call, or nothing said"
        )
    return judged(not calls, cause="call", reason="a call where none is right", answer=len(calls))


def _read_piece(
    piece: str, parameters: Mapping[str, Sequence[str]]
) -> list[tuple[str, dict[str, Any]]]:
    piece = piece.strip()
    if piece[:1] in "[{" and "(" not in piece[:2] and not _starts_python_list(piece):
        try:
            value = parse_json(piece)
        except JsonError as error:
            raise NoCalls(str(error)) from error
        return [_json_call(call) for call in (value if isinstance(value, list) else [value])]
    try:
        return [_bound(call, parameters) for call in parse_calls(piece)]
    except LiteralError as error:
        raise NoCalls(str(error)) from error


def _starts_python_list(piece: str) -> bool:
    return re.match(r"\[\s*[^\W\d][\w.]*\(", piece[:200]) is not None


def _json_call(value: Any) -> tuple[str, dict[str, Any]]:
    if isinstance(value, Mapping) and isinstance(value.get("function"), Mapping):
        value = value["function"]
    if not isinstance(value, Mapping):
        raise NoCalls("a call must be an object")
    if isinstance(value.get("name"), str):
        arguments = value.get("arguments", value.get("parameters", {}))
        if isinstance(arguments, str):
            try:
                arguments = parse_json(arguments)
            except JsonError as error:
                raise NoCalls(str(error)) from error
        name = value["name"]
    elif len(value) == 1:
        name, arguments = next(iter(value.items()))
    else:
        raise NoCalls('a call needs a "name" and "arguments"')
    if not isinstance(arguments, Mapping):
        raise NoCalls("the arguments must be an object")
    return name, dict(arguments)


def _bound(call: Call, parameters: Mapping[str, Sequence[str]]) -> tuple[str, dict[str, Any]]:
    """A Python call with all its arguments by name."""
    names = parameters.get(call.name, ())
    if len(call.positional) > len(names):
        raise NoCalls("an argument by position of a function whose parameters are not known")
    arguments = dict(zip(names, call.positional, strict=False))
    if arguments.keys() & call.named.keys():
        raise NoCalls("an argument is given twice")
    return call.name, arguments | call.named


def _blocks(text: str) -> list[str] | None:
    """The insides of ``<tool_call>`` blocks, or None if there are none."""
    opened = list(_BLOCK.finditer(text))
    if not opened:
        return None
    if len(opened) > MAX_CALLS:
        raise NoCalls(f"more than {MAX_CALLS} calls")
    pieces: list[str] = []
    for i, match in enumerate(opened):
        end = opened[i + 1].start() if i + 1 < len(opened) else len(text)
        inside, closed, _ = text[match.end() : end].partition(f"</{match[1]}>")
        if not closed:
            raise NoCalls(f"<{match[1]}> is not closed")
        pieces.append(inside)
    return pieces


def _fits(call: tuple[str, Arguments], wanted: tuple[str, Mapping[str, Sequence[Any]]]) -> bool:
    return call[0] == wanted[0] and _arguments_fit(wanted[1], call[1])


def _arguments_fit(wanted: Mapping[str, Any], given: Arguments) -> bool:
    """Every given argument is a wanted one with an accepted value; others may be left out."""
    if not given.keys() <= wanted.keys():
        return False
    for name, accepted in wanted.items():
        options = accepted if isinstance(accepted, list | tuple) else [accepted]
        if name not in given:
            if "" not in options:
                return False
        elif not any(values_equal(option, given[name]) for option in options):
            return False
    return True


def _matched(fits: list[list[bool]]) -> bool:
    """Whether every call can be given a wanted call of its own (augmenting paths)."""
    owner: dict[int, int] = {}

    def place(call: int, tried: set[int]) -> bool:
        for wanted, fit in enumerate(fits[call]):
            if fit and wanted not in tried:
                tried.add(wanted)
                if wanted not in owner or place(owner[wanted], tried):
                    owner[wanted] = call
                    return True
        return False

    return all(place(call, set()) for call in range(len(fits)))


def _plain(text: str) -> str:
    text = unicodedata.normalize("NFKC", text).replace("'", '"')
    if _NUMERAL.fullmatch(numeral := text.strip()):
        return numeral.replace(",", "")
    return text.translate(_LOOSE).casefold()


def _read_call(call: object) -> tuple[str, Mapping[str, Sequence[Any]]]:
    if not isinstance(call, Mapping) or len(call) != 1:
        raise GoldError("a call must be {function: {argument: [accepted values]}}")
    name, arguments = next(iter(call.items()))
    if not isinstance(name, str) or not name or not isinstance(arguments, Mapping):
        raise GoldError("a call must be {function: {argument: [accepted values]}}")
    for argument, accepted in arguments.items():
        if not isinstance(accepted, list | tuple) or not accepted:
            raise GoldError(f'"{argument}" needs a list of accepted values')
    return name, arguments


def _read_functions(functions: object) -> dict[str, tuple[str, ...]]:
    functions = gold_json(functions) if isinstance(functions, str) else functions
    if not isinstance(functions, list | tuple):
        raise GoldError('"functions" must be a list of schemas')
    known: dict[str, tuple[str, ...]] = {}
    for schema in functions:
        schema = schema.get("function", schema) if isinstance(schema, Mapping) else schema
        if not isinstance(schema, Mapping) or not isinstance(schema.get("name"), str):
            raise GoldError('every function needs a "name"')
        parameters = schema.get("parameters")
        properties = parameters.get("properties") if isinstance(parameters, Mapping) else None
        known[schema["name"]] = tuple(properties) if isinstance(properties, Mapping) else ()
    return known


RULE = Rule(kind="tool_call", read_gold=read_gold, judge=judge)
