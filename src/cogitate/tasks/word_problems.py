"""Word problems: short stories with one or two calculations and a worked solution.

A story is composed of sentences. The opening gives a first number (or a product), each event
changes it, and the question asks for what is left. Names, things and sentences vary; the key of
an instance is the calculation alone, so another surface never counts as another problem.
"""

from dataclasses import dataclass
from typing import Any

from cogitate.schema import Problem
from cogitate.tasks.arithmetic import apply, equation, expression_key
from cogitate.tasks.config import WordProblemsConfig
from cogitate.tasks.hashing import Draw
from cogitate.tasks.procedural import Instance, ProceduralTask, number_with_digits

NAMES = (
    "Tom", "Anna", "Ben", "Mia", "Sam", "Lucy", "Jack", "Emma", "Leo", "Kate",
    "Omar", "Nina", "Paul", "Rosa", "Dan", "Ella", "Max", "Lily", "Adam", "Zoe",
)  # fmt: skip
THINGS = (
    "apples", "books", "marbles", "stickers", "pencils", "cards", "shells", "coins",
    "cookies", "stamps", "flowers", "balls", "oranges", "photos", "buttons", "beads",
)  # fmt: skip
CONTAINERS = ("boxes", "bags", "baskets", "jars")
OPENINGS = (
    "{name} has {a} {things}",
    "{name} starts the day with {a} {things}",
    "There are {a} {things} on {name}'s table",
    "{name} counts {a} {things} at home",
)
GAINS = (
    "{name} buys {b} more",
    "{name} gets {b} more from a friend",
    "{name} finds {b} more",
    "{name}'s mother brings {b} more",
)
LOSSES = (
    "{name} gives {b} away",
    "{name} loses {b} of them",
    "{name} sells {b} of them",
    "{name} gives {b} of them to a friend",
)
PRODUCTS = (
    "{name} has {a} {containers} with {b} {things} in each",
    "{name} fills {a} {containers} and puts {b} {things} in each",
    "There are {a} {containers} on {name}'s table with {b} {things} in each",
)
MULTIPLES = (
    "{friend} has {b} times as many {things} as {name}",
    "{friend} counts {b} times as many {things} as {name}",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Calculation:
    """Operands a, b (, c) and one operator for each step, applied from left to right."""

    operands: tuple[int, ...]
    operators: tuple[str, ...]

    @property
    def values(self) -> list[int]:
        """The running value: the first operand, then the value after each step."""
        values = [self.operands[0]]
        for operator, operand in zip(self.operators, self.operands[1:], strict=True):
            values.append(apply(values[-1], operator, operand))
        return values

    @property
    def key(self) -> str:
        """Shared with the arithmetic task where precedence does not matter."""
        if len(self.operators) == 2 and self.operators[0] in "+-" and self.operators[1] == "*":
            a, b, c = self.operands
            return f"expression:({a} {self.operators[0]} {b}) * {c}"
        return expression_key(self.operands, self.operators)


class WordProblemsTask(ProceduralTask[WordProblemsConfig]):
    """Stories about one quantity. Difficulty: number of calculations."""

    def draw_instance(self, draw: Draw) -> Instance | None:
        """A calculation dressed in a story; None if a step would leave less than one thing."""
        calculation = self._calculation(draw)
        if min(calculation.values) < 1 or 1 in calculation.operands:  # "1 apples" reads badly
            return None
        story, owner, words = _story(draw, calculation)
        now = " now" if calculation.operators[-1] != "*" else ""
        question = f"How many {words['things']} does {owner} have{now}?"
        return Instance(
            key=calculation.key,
            question=f"{'. '.join(story)}. {question}",
            answer=str(calculation.values[-1]),
            metadata={
                "operands": list(calculation.operands),
                "operators": list(calculation.operators),
                "story": story,
                "difficulty": len(calculation.operators),
            },
        )

    def working(self, problem: Problem) -> str:
        """The story again, each calculation after the sentence that calls for it.

        ``Tom has 12 apples. Tom buys 7 more. 12 + 7 = 19.``
        """
        metadata = problem.metadata
        operators: list[str] = metadata["operators"]
        operands: list[int] = metadata["operands"]
        story: list[str] = metadata["story"]
        # A story that opens with a product has one sentence less than it has operands.
        silent = len(operands) - len(story)
        sentences = [story[0] + "."] if silent == 0 else []
        value = operands[0]
        for i, (operator, operand) in enumerate(zip(operators, operands[1:], strict=True)):
            sentence = story[i + 1 - silent] + "."
            sentences += [sentence, equation(value, operator, operand)]
            value = apply(value, operator, operand)
        return " ".join(sentences)

    def _calculation(self, draw: Draw) -> _Calculation:
        steps = draw.between(*self.config.steps)
        operators = tuple(draw.choice(self.config.operations) for _ in range(steps))
        first = self._operand(draw, operators[0])
        rest = [self._operand(draw, operator) for operator in operators]
        return _Calculation(operands=(first, *rest), operators=operators)

    def _operand(self, draw: Draw, operator: str) -> int:
        if operator == "*":
            return draw.between(2, self.config.max_factor)
        return number_with_digits(draw, self.config.digits)


def _story(draw: Draw, calculation: _Calculation) -> tuple[list[str], str, dict[str, Any]]:
    """The sentences, whose things are asked for at the end, and the words used."""
    name, friend, other = draw.shuffled(NAMES)[:3]
    words: dict[str, Any] = {
        "name": name,
        "friend": friend,
        "things": draw.choice(THINGS),
        "containers": draw.choice(CONTAINERS),
        "a": calculation.operands[0],
    }
    first = calculation.operators[0]
    story = [] if first == "*" else [draw.choice(OPENINGS).format(**words)]
    for i, operator in enumerate(calculation.operators):
        sentences = PRODUCTS if operator == "*" and i == 0 else _EVENTS[operator]
        story.append(draw.choice(sentences).format(**words, b=calculation.operands[i + 1]))
        if operator == "*" and i > 0:
            words["name"], words["friend"] = words["friend"], other
    return story, words["name"], words


_EVENTS = {"+": GAINS, "-": LOSSES, "*": MULTIPLES}
