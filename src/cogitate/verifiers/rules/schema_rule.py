"""Is the answer JSON, and valid under a JSON schema?

The schema is the data's and the JSON is the model's, so both are bounded: no schema may reach the
network, repeat itself without end or go back and forth over a text.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from cogitate.verdict import Verdict, bad_gold
from cogitate.verifiers.rules.json_text import JsonError, json_answer, parse_json
from cogitate.verifiers.rules.regular import Pattern, PatternError
from cogitate.verifiers.rules.rule import GoldError, Rule, gold_json, gold_mapping, judged

MAX_SCHEMA_DEPTH = 32
MAX_SCHEMA_CHARS = 65_536
MAX_PROPERTIES = 1000
"""Of all objects of a schema together."""
MAX_REFERENCES = 5000
"""References that one validation may follow; more is a value made to be slow."""
MAX_PATTERN_WORK = 4_000_000
"""Characters of a string times states of the pattern it is searched for."""

_SCHEMA_WORDS = frozenset(
    ("type", "properties", "required", "items", "enum", "const", "anyOf", "oneOf", "allOf", "$ref")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaGold:
    """A validator for the schema, and the exact value if the gold answer asks for one."""

    schema: Mapping[str, Any]
    equals: Any = None
    has_equals: bool = False


class _Expensive(Exception):
    """The value makes the validation too expensive."""


def read_gold(gold: object) -> SchemaGold:
    """``{"schema": {...}}``, perhaps with ``"equals": value``; or a schema itself."""
    value = gold_json(gold)
    if isinstance(value, Mapping) and "schema" in value and not _SCHEMA_WORDS & value.keys():
        fields = gold_mapping(value, required=("schema",), optional=("equals",))
        schema = gold_json(fields["schema"])
    else:
        fields, schema = {}, value
    if not isinstance(schema, Mapping) or not schema:
        raise GoldError("expected a JSON schema, which is an object that is not empty")
    try:
        text = json.dumps(schema, sort_keys=True)
    except (TypeError, ValueError, RecursionError) as error:
        raise GoldError(f"the schema is no JSON: {error}") from error
    _checked(text)
    schema = json.loads(text)
    return SchemaGold(schema=schema, equals=fields.get("equals"), has_equals="equals" in fields)


def judge(gold: SchemaGold, text: str) -> Verdict:
    """CORRECT if the answer is one JSON value, valid and, if so declared, equal to the value."""
    from referencing.exceptions import Unresolvable

    try:
        answer = json_answer(text)
        value = parse_json(answer)
    except JsonError as error:
        return judged(False, cause="no_json", reason=str(error))
    try:
        fault = first_fault(gold.schema, value)
    except _Expensive as error:
        return judged(False, cause="too_expensive", reason=str(error), answer=answer)
    except Unresolvable as error:
        return bad_gold(cause="bad_gold", reason=f"a reference leads nowhere: {error!s:.80}")
    if fault is not None:
        return judged(False, cause="invalid", reason=fault, answer=answer)
    right = not gold.has_equals or same_json(value, gold.equals)
    return judged(right, cause="other_value", reason="valid, but another value", answer=answer)


def first_fault(schema: Mapping[str, Any], value: Any) -> str | None:
    """What makes a value invalid, or None. The schema must have passed ``read_gold``."""
    from jsonschema_specifications import REGISTRY  # what is not in there is not fetched

    validator = _validator_class(schema)(schema, registry=REGISTRY)
    try:
        error = next(validator.iter_errors(value), None)
    except (RecursionError, OverflowError) as problem:
        raise _Expensive("nested or numbered beyond what a validator can follow") from problem
    if error is None:
        return None
    where = "/".join(str(part)[:40] for part in list(error.absolute_path)[:8])
    return f"at /{where}: {error.message[:160]}"


def same_json(left: Any, right: Any) -> bool:
    """Equality of JSON values: 1 is 1.0, but true is not 1.

    >>> same_json({"a": [1, True]}, {"a": [1.0, True]}), same_json(1, True)
    (True, False)
    """
    return _canonical(left) == _canonical(right)


def _canonical(value: Any) -> Any:
    if isinstance(value, Mapping):
        return ("object", frozenset((key, _canonical(item)) for key, item in value.items()))
    if isinstance(value, list | tuple):
        return ("array", tuple(map(_canonical, value)))
    return (value is True or value is False, value)


@lru_cache(maxsize=256)
def _checked(text: str) -> None:
    """Refuse a schema that is not one, or that is beyond the limits."""
    if len(text) > MAX_SCHEMA_CHARS:
        raise GoldError(f"the schema is longer than {MAX_SCHEMA_CHARS:,} characters")
    schema = json.loads(text)
    properties = 0
    references: set[str] = set()
    for node, depth in _nodes(schema):
        if depth > MAX_SCHEMA_DEPTH:
            raise GoldError(f"the schema is nested more than {MAX_SCHEMA_DEPTH} deep")
        if isinstance(node, dict):
            listed = node.get("properties")
            properties += len(listed) if isinstance(listed, dict) else 0
            _check_node(node)
            references |= {ref for ref in [node.get("$ref")] if isinstance(ref, str)}
    if properties > MAX_PROPERTIES:
        raise GoldError(f"the schema has more than {MAX_PROPERTIES:,} properties")
    from jsonschema.exceptions import SchemaError

    if not schema.keys() & _validator_class(schema).VALIDATORS.keys():
        raise GoldError("the schema asks for nothing")
    try:
        _validator_class(schema).check_schema(schema)
    except SchemaError as error:
        raise GoldError(f"not a JSON schema: {error.message[:160]}") from error
    for reference in references:
        _check_pointer(schema, reference)
    _check_ends(schema)


def _check_node(node: Mapping[str, Any]) -> None:
    for name in ("$ref", "$dynamicRef", "$recursiveRef"):
        reference = node.get(name)
        if isinstance(reference, str) and not reference.startswith("#"):
            raise GoldError(f"the schema refers to {reference[:60]!r}, outside of itself")
    for name in ("$dynamicRef", "$recursiveRef", "patternProperties", "unevaluatedProperties",
                 "unevaluatedItems"):  # fmt: skip
        if name in node and isinstance(node[name], str | Mapping | bool):
            raise GoldError(f'"{name}" is not supported')
    pattern = node.get("pattern")
    if isinstance(pattern, str):
        try:
            _pattern(pattern)
        except PatternError as error:
            raise GoldError(f"the pattern {pattern[:60]!r}: {error}") from error


def _check_pointer(schema: Any, reference: str) -> None:
    """Refuse a reference that leads nowhere; only JSON pointers are followed."""
    node = schema
    if reference != "#" and not reference.startswith("#/"):
        raise GoldError(f"the reference {reference[:60]!r} is no JSON pointer")
    for part in unquote(reference).split("/")[1:]:
        part = part.replace("~1", "/").replace("~0", "~")
        if isinstance(node, list) and part.isdecimal() and int(part[:9]) < len(node):
            node = node[int(part)]
        elif isinstance(node, dict) and part in node:
            node = node[part]
        else:
            raise GoldError(f"the reference {reference[:60]!r} leads nowhere")


def _check_ends(schema: Mapping[str, Any]) -> None:
    """Validate a trivial value: references that lead nowhere or in a circle show at once."""
    from referencing.exceptions import Unresolvable

    for value in (None, {}, [], "", 0):
        try:
            first_fault(schema, value)
        except (Unresolvable, _Expensive) as error:
            raise GoldError(f"a reference leads nowhere or in a circle: {error!s:.80}") from error


def _nodes(schema: Any) -> Iterator[tuple[Any, int]]:
    waiting = [(schema, 1)]
    while waiting:
        node, depth = waiting.pop()
        yield node, depth
        if depth <= MAX_SCHEMA_DEPTH and isinstance(node, dict | list):
            inside = node.values() if isinstance(node, dict) else node
            waiting.extend((item, depth + 1) for item in inside)


@lru_cache(maxsize=256)
def _pattern(pattern: str) -> Pattern:
    return Pattern(pattern)


def _validator_class(schema: Any) -> Any:
    """The validator of the schema's draft, with our own rules for what can be made slow."""
    from jsonschema.validators import Draft202012Validator, extend, validator_for

    base = validator_for(schema, default=Draft202012Validator)
    references = 0

    def counted(validator: Any, reference: Any, instance: Any, node: Any) -> Iterator[Any]:
        nonlocal references
        references += 1
        if references > MAX_REFERENCES:
            raise _Expensive(f"more than {MAX_REFERENCES:,} references were followed")
        yield from base.VALIDATORS["$ref"](validator, reference, instance, node)

    return extend(base, {"$ref": counted, "pattern": _search, "uniqueItems": _unique})


def _search(validator: Any, pattern: str, instance: Any, _node: Any) -> Iterator[Any]:
    from jsonschema.exceptions import ValidationError

    if not validator.is_type(instance, "string"):
        return
    compiled = _pattern(pattern)
    if len(instance) * compiled.num_states > MAX_PATTERN_WORK:
        raise _Expensive("a string too long for the pattern it has to match")
    if not compiled.search(instance):
        yield ValidationError(f"{instance[:60]!r} does not match {pattern!r}")


def _unique(validator: Any, wanted: Any, instance: Any, _node: Any) -> Iterator[Any]:
    from jsonschema.exceptions import ValidationError

    applies = wanted is True and validator.is_type(instance, "array")
    if applies and len({_canonical(item) for item in instance}) < len(instance):
        yield ValidationError("the items are not all different")


RULE = Rule(kind="json_schema", read_gold=read_gold, judge=judge)
