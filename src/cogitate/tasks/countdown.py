"""Countdown: combine the given numbers to reach a target.

Instances are built forwards, from numbers over a random expression to its value, so every one
has a solution. (TinyZero's generator draws target and numbers independently.)
"""

from fractions import Fraction

from cogitate.errors import RewardError
from cogitate.schema import Problem
from cogitate.tasks.config import CountdownConfig
from cogitate.tasks.hashing import Draw
from cogitate.tasks.procedural import Instance, ProceduralTask, gold_answer
from cogitate.verifiers.rules.countdown import objection
from cogitate.verifiers.rules.expressions import compute, parse_expression


class CountdownTask(ProceduralTask[CountdownConfig]):
    """The answer is an expression; the gold answer is one of possibly many.

    Difficulty: how many numbers are given. The key is the multiset of numbers and the target.
    """

    def draw_instance(self, draw: Draw) -> Instance | None:
        """Numbers with a random solution; None if its value is not a usable target."""
        count = draw.between(*self.config.num_values)
        values = [draw.between(*self.config.values) for _ in range(count)]
        used = count if self.config.use_all else draw.between(2, count)
        built = _build(draw, values[:used], self.config.operations)
        if built is None or not self._is_target(built[0], values):
            return None
        target, expression = built
        shuffled = draw.shuffled(values)
        return Instance(
            key=f"countdown:{','.join(map(str, sorted(values)))}={target}",
            question=_question(shuffled, target, self.config),
            answer=expression,
            metadata={
                "operands": shuffled,
                "target": target,
                "use_all": self.config.use_all,
                "operations": list(self.config.operations),
                "difficulty": count,
            },
        )

    def verify(self, problem: Problem, answer: str | None) -> float | None:
        """1.0 if the answer is an expression of the given numbers with the target as its value.

        ``expression = number`` is accepted when the number is the target as well. Raises
        RewardError when the problem does not say its numbers and target.
        """
        try:
            numbers: list[int] = list(problem.metadata["operands"])
            target: int = problem.metadata["target"]
        except KeyError as error:
            raise RewardError(
                f"problem {problem.id}: its metadata has no {error}, which countdown needs."
            ) from error
        use_all: bool = problem.metadata.get("use_all", True)
        operations: list[str] = problem.metadata.get("operations", list("+-*/"))
        if answer is None:
            return 0.0
        reason = objection(
            answer, numbers=numbers, target=target, use_all=use_all, operations=operations
        )
        return float(reason is None)

    def working(self, problem: Problem) -> str:
        """The operations of the gold expression in order of evaluation."""
        steps = parse_expression(gold_answer(problem)).steps
        return " ".join(f"{a} {operator} {b} = {value}." for a, operator, b, value in steps)

    def _is_target(self, value: int, values: list[int]) -> bool:
        low, high = self.config.target
        trivial = not self.config.use_all and value in values
        return low <= value <= high and not trivial


def _question(values: list[int], target: int, config: CountdownConfig) -> str:
    listed = ", ".join(str(value) for value in values[:-1]) + f" and {values[-1]}"
    how = "Use each number exactly once" if config.use_all else "Use each number at most once"
    signs = " ".join(config.operations)
    return (
        f"Make {target} from the numbers {listed}. {how}, with {signs} and brackets. "
        "Answer with the expression."
    )


def _build(draw: Draw, values: list[int], operations: tuple[str, ...]) -> tuple[int, str] | None:
    """A random expression over all values, or None when a step is not a positive integer."""
    pool: list[tuple[Fraction, str]] = [(Fraction(value), str(value)) for value in values]
    while len(pool) > 1:
        pool = draw.shuffled(pool)
        (left, left_text), (right, right_text) = pool.pop(), pool.pop()
        operator = draw.choice(operations)
        if operator in "-/" and left < right:
            left, left_text, right, right_text = right, right_text, left, left_text
        value = compute(left, operator, right)
        if value < 1 or value.denominator != 1:
            return None
        pool.append((value, f"({left_text} {operator} {right_text})"))
    value, text = pool[0]
    return int(value), text.removeprefix("(").removesuffix(")")
