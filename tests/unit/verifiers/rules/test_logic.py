"""Knights and knaves, tables, orders, grids and predicted output."""

import pytest

from cogitate.verdict import Status
from cogitate.verifiers.rules import RULES
from cogitate.verifiers.rules.code_output import same_value
from cogitate.verifiers.rules.logic import plain
from cogitate.verifiers.rules.sudoku import NoGrid, read_grid, read_puzzle, solves

LOGIC, OUTPUT = RULES["logic"], RULES["code_output"]
KNIGHTS = {"type": "assignment", "answer": {"Ann": "knight", "Bob": "knave"}}
ORDER = {"type": "order", "answer": ["Ann", "Bob", "Cid"]}
TABLE = {
    "type": "table",
    "answer": {"1": {"color": "Red", "pet": "cat"}, "2": {"color": "blue", "pet": "dog"}},
}


@pytest.mark.parametrize(
    "text",
    [
        "Ann is a knight and Bob is a knave.",
        "Bob is a knave, and Ann is a knight.",
        "**Ann** is a knight, **Bob** is a knave",
        "Ann: knight\nBob: knave",
        "- Ann: Knight\n- Bob: Knave",
        "1. Ann is a knight\n2. Bob is a knave",
        "(1) Ann is a knight, (2) Bob is a knave",
        "Ann = knight; Bob = knave",
        "Ann -> knight, Bob -> knave",
        '{"Ann": "knight", "Bob": "knave"}',
        '```json\n{"ann": "knight", "bob": "knave"}\n```',
        "Answer: Ann is a knight and Bob is a knave",
        "<answer>Ann is a knight, Bob is a knave</answer>",
        "\\boxed{Ann is a knight, Bob is a knave}",
    ],
)
def test_assignments(text: str):
    assert LOGIC(KNIGHTS, text).correct is True


@pytest.mark.parametrize(
    "text",
    [
        "Ann is a knave and Bob is a knave.",
        "Ann is a knight.",
        "Ann is a knight or a knave, Bob is a knave.",
        "Ann is a knight, Ann is a knave, Bob is a knave.",
        "Ann is a knight, Bob is a knave, Bob is a knight.",
        "Ann is not a knave, Bob is a knave",
        "Ann is a knight, Bob is a knave, Cid is a knave",
        '{"Ann": "knight", "Bob": "knave", "Cid": "knave"}',
        '{"Ann": "knight", "Ann": "knave", "Bob": "knave"}',
        '{"Ann": ["knight", "knave"], "Bob": "knave"}',
        "knight, knave",
        "Ann and Bob are what they are",
        "<answer>Ann is a knight, Bob is a knave</answer><answer>Ann is a knave</answer>",
        "[]",
        "{",
    ],
)
def test_other_assignments(text: str):
    assert LOGIC(KNIGHTS, text).status is Status.WRONG


def test_values_may_be_listed():
    gold = {"type": "assignment", "answer": {"Ann": "spy"}, "values": ["knight", "spy"]}
    assert LOGIC(gold, "Ann is a spy").correct is True
    assert LOGIC(gold, "Ann is the knight").cause == "other_answer"
    assert LOGIC(gold, "Ann is a queen").cause == "no_answer"


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("Ann, Bob, Cid", True),
        ("Ann > Bob > Cid", True),
        ("Ann -> Bob -> Cid", True),
        ("1. Ann\n2. Bob\n3. Cid", True),
        ('["Ann", "Bob", "Cid"]', True),
        ("Bob, Ann, Cid", False),
        ("Ann, Bob", False),
        ("Ann, Bob, Cid, Ann", False),
        ("Ann > Bob < Cid", False),
        ("Ann Bob Cid", False),
        ("[1", False),
    ],
)
def test_orders(text: str, right: bool):
    assert LOGIC(ORDER, text).correct is right


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ('{"1": {"Color": "red", "pet": "Cat"}, "2": {"color": "Blue", "pet": "dog"}}', True),
        ('{"2": {"pet": "dog", "color": "blue"}, "1": {"pet": "cat", "color": "red"}}', True),
        ('{"1": {"color": "red"}, "2": {"color": "blue", "pet": "dog"}}', False),
        ('{"1": {"color": "red", "pet": "dog"}, "2": {"color": "blue", "pet": "cat"}}', False),
        ('{"1": ["red", "cat"], "2": ["blue", "dog"]}', False),
        ('{"1": {"color": true, "pet": "cat"}, "2": {"color": "blue", "pet": "dog"}}', False),
        ("the red house has the cat", False),
    ],
)
def test_tables(text: str, right: bool):
    assert LOGIC(TABLE, text).correct is right


PUZZLE = "1...\n..1.\n.1..\n...1"
SOLUTIONS = ("1234\n3412\n2143\n4321", "1 2 3 4 3 4 1 2 4 1 2 3 2 3 4 1")


def test_a_grid_may_be_completed_in_any_valid_way():
    gold = {"type": "sudoku", "puzzle": [[0] * 4] * 4}
    assert LOGIC(gold, SOLUTIONS[0]).correct is True
    assert LOGIC(gold, SOLUTIONS[1]).correct is True
    assert LOGIC(gold, "[[1,2,3,4],[3,4,1,2],[2,1,4,3],[4,3,2,1]]").correct is True
    assert (
        LOGIC(gold, "| 1 2 | 3 4 |\n| 3 4 | 1 2 |\n+---+---+\n| 2 1 | 4 3 |\n| 4 3 | 2 1 |").correct
        is True
    )


@pytest.mark.parametrize(
    "text",
    [
        "1234\n1234\n1234\n1234",
        "1234\n3412\n2143",
        "1234\n3412\n2143\n4321\n1234",
        "1234\n3412\n2143\n432.",
        "abcd" * 4,
        "1234\n2341\n3412\n4123",
    ],
)
def test_grids_that_solve_nothing(text: str):
    assert LOGIC({"type": "sudoku", "puzzle": "...." * 4}, text).correct is False


def test_givens_stay():
    puzzle = read_puzzle("2...\n....\n....\n....")
    assert not solves(read_grid(SOLUTIONS[0], 4), puzzle)
    assert solves(read_grid(SOLUTIONS[0], 4), read_puzzle("1..." + "." * 12))
    rows = [[(4 * (r % 4) + r // 4 + c) % 16 + 1 for c in range(16)] for r in range(16)]
    empty = read_puzzle([[None] * 16] * 16)
    assert solves(read_grid("\n".join(" ".join(map(str, row)) for row in rows), 16), empty)


@pytest.mark.parametrize(
    "puzzle", ["11..\n....\n....\n....", "123", "", [[1]], [[5] * 4] * 4, 7, [["x"] * 4] * 4]
)
def test_puzzles_that_are_none(puzzle: object):
    with pytest.raises(NoGrid):
        read_puzzle(puzzle)
    assert LOGIC.check_gold({"type": "sudoku", "puzzle": puzzle})


@pytest.mark.parametrize(
    "gold",
    [
        None,
        {},
        {"type": "riddle", "answer": "x"},
        {"type": ["order"], "answer": "x"},
        {"type": "assignment"},
        {"type": "sudoku", "answer": "1"},
        {"type": "assignment", "answer": {}},
        {"type": "assignment", "answer": {"Ann": 1}},
        {"type": "assignment", "answer": {"Ann": "a b", "ann": "x"}},
        {"type": "assignment", "answer": {"Ann": "x"}, "values": "x"},
        {"type": "table", "answer": {}},
        {"type": "table", "answer": {"1": 2}},
        {"type": "table", "answer": {"1": {"a": "x", "A": "y"}}},
        {"type": "order", "answer": "Ann, Bob"},
        {"type": "order", "answer": ["Ann"]},
        {"type": "order", "answer": ["Ann", "ann"]},
        {"type": "order", "answer": ["Ann", ""]},
    ],
)
def test_bad_golds(gold: object):
    assert LOGIC.check_gold(gold)
    assert LOGIC(gold, "x").status is Status.BAD_GOLD


def test_names_are_compared_without_ornament():
    assert plain(" **The  Red House**. ") == "red house"
    assert plain("A") == "a"  # a name, not an article


@pytest.mark.parametrize(
    ("gold", "text", "right"),
    [
        ("[1, 2]", "[1,2]", True),
        ("[1, 2]", "`[1, 2]`", True),
        ("[1, 2]", "It prints\n```\n[1, 2]\n```", True),
        ("[1, 2]", "<answer>[1, 2]</answer>", True),
        ("[1, 2]", "<answer>```\n[1, 2]\n```</answer>", True),
        ("[1, 2]", "\\boxed{[1, 2]}", True),
        ("[1, 2]", "[2, 1]", False),
        ("[1, 2]", "(1, 2)", False),
        ("[1, 2]", "[1, 2] or [2, 1]", False),
        ("[1, 2]", "__import__('os').getpid()", False),
        ("True", "True", True),
        ("True", "1", False),
        ("3.0", "3", False),
        ("{'a': 1, 'b': 2}", "{'b': 2, 'a': 1}", True),
        ("{1, 2}", "{2, 1}", True),
        ("'ab'", '"ab"', True),
        ("'ab'", "ab", False),
        ("hello\nworld", "hello \nworld\n", True),
        ("hello\nworld", "hello\n", False),
        ("hello", "Hello", False),
        ({"text": "7"}, "7", True),
        ({"text": "7"}, "7.0", False),
        ({"value": "7"}, "7", True),
        ('{"value": "[1]"}', "[1]", True),
        ("{'value': 1}", "{'value': 1}", True),
    ],
)
def test_predicted_output(gold: object, text: str, right: bool):
    assert OUTPUT(gold, text).correct is right


@pytest.mark.parametrize(
    "gold", ["", None, 7, {}, {"value": "x y"}, {"text": ""}, {"text": "a", "value": "1"}]
)
def test_outputs_that_are_none(gold: object):
    assert OUTPUT(gold, "x").status is Status.BAD_GOLD


def test_values_are_compared_with_their_types():
    assert same_value({"a": (1, [True])}, {"a": (1, [True])})
    assert not same_value([1], [True])
    assert not same_value(frozenset({1}), frozenset({True}))
    assert not same_value({"a": 1}, {"b": 1})
