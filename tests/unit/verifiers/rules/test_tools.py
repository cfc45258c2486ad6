"""Tool calls in every notation, matched with what was asked for."""

import json

import pytest

from cogitate.verdict import Status
from cogitate.verifiers.rules.tools import RULE, NoCalls, read_calls, values_equal

GOLD = [{"weather.get": {"city": ["Rome", "Roma"], "days": [3], "unit": ["", "C"]}}]
TWO = [{"area": {"r": [2]}}, {"area": {"r": [5.5]}}]
CALL = {"name": "weather.get", "arguments": {"city": "Rome", "days": 3}}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(CALL),
        json.dumps([CALL]),
        json.dumps({"name": "weather.get", "parameters": CALL["arguments"]}),
        json.dumps({"function": CALL}),
        json.dumps([{"id": "1", "type": "function", "function": CALL}]),
        json.dumps({"name": "weather.get", "arguments": json.dumps(CALL["arguments"])}),
        json.dumps({"weather.get": CALL["arguments"]}),
        json.dumps([{"weather.get": CALL["arguments"]}]),
        f"```json\n{json.dumps(CALL)}\n```",
        f"I will look it up.\n<tool_call>\n{json.dumps(CALL)}\n</tool_call>",
        f"<answer>{json.dumps(CALL)}</answer>",
        "weather.get(city='Rome', days=3)",
        "[weather.get(city='Rome', days=3)]",
        "weather.get(days=3, city='roma')",
        "weather.get(city='Rome', days=3, unit='c')",
        "weather.get(city=' ROME ', days=3.0)",
        "<tool_call>weather.get(city='Rome', days=3)</tool_call>",
    ],
)
def test_the_right_call_in_every_notation(text: str):
    assert RULE(GOLD, text).correct is True


@pytest.mark.parametrize(
    "text",
    [
        "weather.get(city='Paris', days=3)",
        "weather.get(city='Rome', days=4)",
        "weather.get(city='Rome', days='3')",
        "weather.get(city='Rome', days=True)",
        "weather.get(city='Rome')",
        "weather.get(city='Rome', days=3, unit='F')",
        "weather.get(city='Rome', days=3, hours=1)",
        "weather.get(city=['Rome'], days=3)",
        "weather.get('Rome', 3)",
        "get(city='Rome', days=3)",
        "weather.get(city='Rome', days=3), weather.get(city='Rome', days=3)",
        "weather.get(city='Rome', days=1+2)",
        "weather.get(city='Rome', days=3",
        "Call weather.get(city='Rome', days=3)",
        '{"name": "weather.get", "arguments": {"city": "Rome", "days": 3, "days": 4}}',
        '{"name": "weather.get", "arguments": [1]}',
        '{"name": "weather.get", "arguments": "city"}',
        '<tool_call>{"name": "weather.get"',
        "<tool_call></tool_call>",
        "```\na\n```\n```\nb\n```",
        "[1, 2]",
        "{}",
        "I cannot help with that.",
    ],
)
def test_other_calls_are_wrong(text: str):
    assert RULE(GOLD, text).status is Status.WRONG


def test_parallel_calls_in_any_order_but_each_once():
    assert RULE(TWO, "[area(r=5.5), area(r=2)]").correct is True
    assert RULE(TWO, "[area(r=2), area(r=2)]").correct is False
    assert RULE(TWO, "[area(r=2)]").cause == "number_of_calls"
    ordered = {"calls": TWO, "ordered": True}
    assert RULE(ordered, "[area(r=2), area(r=5.5)]").correct is True
    assert RULE(ordered, "[area(r=5.5), area(r=2)]").correct is False


def test_a_matching_is_found_where_the_first_fit_fails():
    gold = [{"f": {"a": [1, 2]}}, {"f": {"a": [1]}}]
    assert RULE(gold, "[f(a=1), f(a=2)]").correct is True
    assert RULE(gold, "[f(a=2), f(a=2)]").correct is False


def test_positions_need_the_parameters():
    functions = [{"name": "area", "parameters": {"properties": {"r": {}, "unit": {}}}}]
    gold = {"calls": [{"area": {"r": [2], "unit": ["", "m"]}}], "functions": functions}
    assert RULE(gold, "area(2)").correct is True
    assert RULE(gold, "area(2, 'm')").correct is True
    assert RULE(gold, "area(2, r=2)").correct is False
    assert RULE(gold, "area(2, 'm', 1)").correct is False


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("None of the functions can do that.", True),
        ("[]", True),
        ("[area(r=2)]", False),
        ('{"name": "area", "arguments": {"r": 2}}', False),
        ("I call area(r=2) now", False),
        ("area(r=2", False),
        ('Try {"name": "area"', False),
        ("<tool_call>nothing</tool_call>", False),
        ("()", False),
    ],
)
def test_where_no_call_is_right(text: str, right: bool):
    gold = {"calls": [], "functions": [{"name": "area", "parameters": {}}]}
    assert RULE(gold, text).correct is right


@pytest.mark.parametrize(
    ("accepted", "value", "equal"),
    [
        ("New York, NY", "new york NY", True),
        ("2023-01-05", "20230105", True),
        ("it's", 'it"s', True),
        ("a", "b", False),
        ("1", 1, False),
        (1, 1.0, True),
        (1, True, False),
        (True, True, True),
        (None, None, True),
        (None, 0, False),
        ([1, "A"], [1, "a"], True),
        ([1, 2], [2, 1], False),
        ([1], 1, False),
        ({"k": [1, 2]}, {"k": 2}, True),
        ({"k": [1], "o": ["", 2]}, {"k": 1}, True),
        ({"k": [1]}, {"k": 1, "z": 1}, False),
        ({"k": [1]}, [1], False),
    ],
)
def test_values(accepted: object, value: object, equal: bool):
    assert values_equal(accepted, value) is equal


@pytest.mark.parametrize(
    "gold",
    [
        None,
        7,
        "no json",
        {"calls": 3},
        [{"f": {}, "g": {}}],
        [{"f": {"a": 1}}],
        [{"f": {"a": []}}],
        [{"": {}}],
        ["f"],
        [{"f": {}}] * 65,
        {"calls": [], "ordered": 1},
        {"calls": [], "functions": [1]},
        {"calls": [], "functions": {"name": "f"}},
    ],
)
def test_bad_golds(gold: object):
    assert RULE.check_gold(gold)
    assert RULE(gold, "f()").status is Status.BAD_GOLD


def test_an_argument_may_be_any_text():
    gold = [{"say": {"text": ["a(b) ]</tool_call"]}}]
    assert RULE(gold, "say(text='a(b) ]</tool_call')").correct is True


def test_too_many_calls():
    with pytest.raises(NoCalls):
        read_calls("[" + "f(), " * 70 + "f()]")
    with pytest.raises(NoCalls):
        read_calls("<tool_call>" * 70)


@pytest.mark.parametrize(
    ("accepted", "value", "same"),
    [
        ("-1", "1", False),
        ("1.5", "15", False),
        ("1,000", "1000", True),
        (" -2.5", "-2.5 ", True),
        ("2024-01-02", "2024/01/02", True),
    ],
)
def test_texts_that_are_numbers_keep_sign_and_point(accepted: str, value: str, same: bool):
    assert values_equal(accepted, value) is same
