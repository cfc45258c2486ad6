"""Chain sums: many small terms, so that the working grows with the number of terms."""

from itertools import pairwise

from cogitate.schema import Problem
from cogitate.tasks.arithmetic import equation, evaluate, expression_key, expression_text
from cogitate.tasks.config import ChainSumConfig
from cogitate.tasks.hashing import Draw
from cogitate.tasks.procedural import Instance, ProceduralTask, number_with_digits


class ChainSumTask(ProceduralTask[ChainSumConfig]):
    """``What is 3 + 8 + 5?``, or the remainder of such a sum. Difficulty: number of terms.

    The key is the multiset of terms and the same as in the arithmetic task, whatever the modulus.
    """

    def draw_instance(self, draw: Draw) -> Instance:
        """A sum of terms that are drawn independently."""
        count = draw.between(*self.config.terms)
        operands = [number_with_digits(draw, self.config.digits) for _ in range(count)]
        operators = ["+"] * (count - 1)
        total = evaluate(operands, operators)
        modulus = self.config.modulus
        return Instance(
            key=expression_key(operands, operators),
            question=_question(expression_text(operands, operators), modulus),
            answer=str(total if modulus is None else total % modulus),
            metadata={"operands": operands, "modulus": modulus, "difficulty": count},
        )

    def working(self, problem: Problem) -> str:
        """The running sums, then the remainder."""
        operands: list[int] = list(problem.metadata["operands"])
        sums = [sum(operands[: i + 1]) for i in range(len(operands))]
        steps = [equation(before, "+", after - before) for before, after in pairwise(sums)]
        modulus: int | None = problem.metadata["modulus"]
        if modulus == 10:
            steps.append(f"The last digit of {sums[-1]} is {sums[-1] % 10}.")
        elif modulus is not None:
            quotient, remainder = divmod(sums[-1], modulus)
            steps.append(f"{sums[-1]} = {quotient} * {modulus} + {remainder}.")
        return " ".join(steps)


def _question(expression: str, modulus: int | None) -> str:
    if modulus is None:
        return f"What is {expression}?"
    if modulus == 10:
        return f"What is the last digit of {expression}?"
    return f"What is the remainder when {expression} is divided by {modulus}?"
