"""JSON and JSON schemas: what is accepted, what is refused, and what nobody can make slow."""

import json

import pytest

from cogitate.verdict import Status
from cogitate.verifiers.rules import schema_rule
from cogitate.verifiers.rules.json_text import JsonError, code_blocks, json_answer, parse_json
from cogitate.verifiers.rules.schema_rule import RULE, first_fault, same_json

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "pattern": "^[A-Z][a-z]+$"},
        "age": {"type": "integer", "minimum": 0},
        "tags": {"type": "array", "uniqueItems": True, "items": {"type": "string"}},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
}
GOLD = {"schema": PERSON}


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ('{"name": "Ann", "age": 3}', True),
        ('```json\n{"name": "Ann", "age": 3}\n```', True),
        ('Here you are:\n```\n{"name": "Ann", "age": 3}\n```\nBye', True),
        ('<answer>{"name": "Ann", "age": 3}</answer>', True),
        ('{"name": "Ann", "age": 3, "tags": ["a", "b"]}', True),
        ('{"name": "Ann", "age": 3.0}', True),
        ('{"name": "ann", "age": 3}', False),
        ('{"name": "Ann", "age": -1}', False),
        ('{"name": "Ann", "age": true}', False),
        ('{"name": "Ann", "age": "3"}', False),
        ('{"name": "Ann"}', False),
        ('{"name": "Ann", "age": 3, "x": 1}', False),
        ('{"name": "Ann", "age": 3, "tags": ["a", "a"]}', False),
        ('{"name": "Ann", "age": 3, "age": 4}', False),
        ('{"name": "Ann", "age": 3} and more', False),
        ("{'name': 'Ann', 'age': 3}", False),
        ('{"name": "Ann", "age": NaN}', False),
        ('{"name": "Ann", "age": Infinity}', False),
        ('{"name": "Ann", "age": 3', False),
        ("[]", False),
        ("null", False),
    ],
)
def test_validity(text: str, right: bool):
    verdict = RULE(GOLD, text)
    assert verdict.correct is right
    assert verdict.reason == "" if right else verdict.reason


def test_a_schema_alone_is_a_gold_too():
    assert RULE(PERSON, '{"name": "Ann", "age": 3}').correct is True
    assert RULE(json.dumps(PERSON), '{"name": "Ann", "age": 3}').correct is True


def test_the_value_may_be_declared():
    gold = {"schema": {"type": "object"}, "equals": {"a": [1, True]}}
    assert RULE(gold, '{"a": [1.0, true]}').correct is True
    assert RULE(gold, '{"a": [1, 1]}').cause == "other_value"
    assert same_json({"a": 1, "b": 2}, {"b": 2, "a": 1})
    assert not same_json([1, 2], [2, 1])


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"a": "b"},
        {"type": "number_or_so"},
        {"properties": 3},
        {"$ref": "http://example.org/schema"},
        {"properties": {"a": {"$ref": "other.json#/x"}}},
        {"$ref": "#"},
        {"allOf": [{"$ref": "#"}]},
        {"properties": {"a": {"$ref": "#/$defs/none"}}},
        {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
        {"type": "string", "pattern": "("},
        {"type": "string", "pattern": "(a)\\1"},
        {"type": "string", "pattern": "(?=a)b"},
        {"type": "string", "pattern": "a" * 513},
        {"patternProperties": {"^(a+)+$": {}}},
        {"$dynamicRef": "#x"},
        {"properties": {str(i): {} for i in range(1001)}},
        {"enum": ["x" * 70_000]},
        [],
        "text",
        None,
    ],
)
def test_refused_schemas(schema: object):
    assert RULE.check_gold({"schema": schema})
    assert RULE({"schema": schema}, "{}").status is Status.BAD_GOLD


def test_a_deep_schema_is_refused():
    schema: dict[str, object] = {"type": "object"}
    for _ in range(40):
        schema = {"not": schema}
    assert "deep" in str(RULE.check_gold(schema))


def test_references_inside_are_followed():
    tree = {
        "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}},
        "$ref": "#/$defs/node",
    }
    assert RULE(tree, '{"next": {"next": {}}}').correct is True
    assert RULE(tree, '{"next": {"next": 3}}').correct is False


def test_a_value_made_to_be_slow_is_wrong(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(schema_rule, "MAX_REFERENCES", 300)
    step = {"type": "object", "properties": {"c": {"$ref": "#/$defs/n"}}}
    gold = {
        "$defs": {"n": {"anyOf": [{**step, "required": ["q"]}, {**step, "required": ["r"]}]}},
        "$ref": "#/$defs/n",
    }
    text = "{}"
    for _ in range(28):
        text = f'{{"c": {text}}}'
    verdict = RULE(gold, text)
    assert (verdict.status, verdict.cause) == (Status.WRONG, "too_expensive")


def test_patterns_and_unique_items_take_linear_time():
    evil = {"type": "string", "pattern": "^(a+)+$"}
    assert RULE(evil, json.dumps("a" * 800 + "b")).cause == "invalid"
    assert RULE(evil, json.dumps("a" * 190_000)).cause in ("", "too_expensive")
    items = [{"n": i} for i in range(800)]
    assert first_fault({"uniqueItems": True}, items) is None
    assert first_fault({"uniqueItems": True}, [*items, {"n": 3}]) is not None
    assert first_fault({"uniqueItems": True}, [1, True, "1", [1], {"a": 1}]) is None


def test_numbers_beyond_floats_do_not_raise():
    assert RULE({"multipleOf": 0.01}, "1" * 290).correct in (True, False)
    assert RULE({"multipleOf": 0.01}, "1" * 301).cause == "no_json"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[1,]",
        '{"a": 1, "a": 1}',
        "NaN",
        "-Infinity",
        "1e999",
        "9" * 301,
        "[" * 33 + "]" * 33,
        "[" * 100_000,
        '{"a":' * 100_000,
        " " * 262_145,
        '"' * 100_001,
    ],
)
def test_json_that_is_refused(text: str):
    with pytest.raises(JsonError):
        parse_json(text)


def test_brackets_in_strings_are_no_depth():
    text = json.dumps("[" * 100 + '"{' * 100)
    assert parse_json(text) == "[" * 100 + '"{' * 100


def test_where_json_stands():
    assert json_answer("<think>[1]</think>[2]") == "[2]"
    assert json_answer("a\n```json\n[1]\n```\nb") == "[1]"
    assert json_answer("```\n[1]") == "[1]"
    assert code_blocks("```a\nx\n```\n```\ny\n```") == ["x", "y"]
    for text in ("```\n1\n```\n```\n2\n```", "<answer>1</answer><answer>2</answer>"):
        with pytest.raises(JsonError):
            json_answer(text)
