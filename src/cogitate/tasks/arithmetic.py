"""Arithmetic: ``What is 47 + 38?`` with chosen operations, digits and terms."""

from collections.abc import Sequence

from cogitate.schema import Problem
from cogitate.tasks.config import ArithmeticConfig
from cogitate.tasks.hashing import Draw
from cogitate.tasks.procedural import Instance, ProceduralTask, number_with_digits


class ArithmeticTask(ProceduralTask[ArithmeticConfig]):
    """Expressions of integers with an integer value.

    Divisions are exact: the first number of a chain of factors is multiplied by every later
    divisor of that chain, so each step from left to right stays an integer.
    Difficulty: digits of all operands together.
    """

    def draw_instance(self, draw: Draw) -> Instance | None:
        """An expression; None if its value is negative and must not be."""
        terms = draw.between(*self.config.terms)
        operands = [number_with_digits(draw, self.config.digits) for _ in range(terms)]
        operators = [draw.choice(self.config.operations) for _ in range(terms - 1)]
        make_divisions_exact(operands, operators)
        value = evaluate(operands, operators)
        if value < 0 and not self.config.allow_negative:
            return None
        return Instance(
            key=expression_key(operands, operators),
            question=f"What is {expression_text(operands, operators)}?",
            answer=str(value),
            metadata={
                "operands": operands,
                "operators": operators,
                "difficulty": sum(len(str(operand)) for operand in operands),
            },
        )

    def working(self, problem: Problem) -> str:
        """One equation per step, products and quotients first."""
        steps = expression_steps(problem.metadata["operands"], problem.metadata["operators"])
        return " ".join(steps)


def expression_text(operands: Sequence[int], operators: Sequence[str]) -> str:
    """The expression as it is asked, without brackets.

    >>> expression_text([3, 4, 5], ["+", "*"])
    '3 + 4 * 5'
    """
    rest = zip(operators, operands[1:], strict=True)
    return str(operands[0]) + "".join(f" {op} {operand}" for op, operand in rest)


def expression_key(operands: Sequence[int], operators: Sequence[str]) -> str:
    """The canonical text: sums and products are the same in every order of their operands.

    >>> expression_key([47, 38, 5], ["+", "-"]) == expression_key([38, 47, 5], ["+", "-"])
    True
    """
    if all(op in "+-" for op in operators):
        signed = zip(operands, ["+", *operators], strict=True)
        return "sum:" + ",".join(f"{sign}{operand}" for operand, sign in sorted(signed))
    if all(op == "*" for op in operators):
        return "product:" + ",".join(str(operand) for operand in sorted(operands))
    return "expression:" + ",".join(sorted(_signed_chains(operands, operators)))


def _signed_chains(operands: Sequence[int], operators: Sequence[str]) -> list[str]:
    """The terms of a sum, each a sign and its factors and divisors in order."""
    chains = [["+", f"*{operands[0]}"]]
    for operator, operand in zip(operators, operands[1:], strict=True):
        if operator in "+-":
            chains.append([operator, f"*{operand}"])
        else:
            chains[-1].append(f"{operator}{operand}")
    return [sign + "".join(sorted(factors)) for sign, *factors in chains]


def make_divisions_exact(operands: list[int], operators: Sequence[str]) -> None:
    """Multiply the first operand of each chain of factors by the divisors of that chain."""
    first = 0
    for position, operator in enumerate(operators, start=1):
        if operator in "+-":
            first = position
        elif operator == "/":
            operands[first] *= operands[position]


def evaluate(operands: Sequence[int], operators: Sequence[str]) -> int:
    """The value of an expression whose divisions are exact.

    >>> evaluate([10, 6, 3], ["-", "/"])
    8
    """
    total, sign, chain = 0, 1, operands[0]
    for operator, operand in zip(operators, operands[1:], strict=True):
        if operator == "*":
            chain *= operand
        elif operator == "/":
            chain //= operand
        else:
            total, sign, chain = total + sign * chain, (1 if operator == "+" else -1), operand
    return total + sign * chain


def expression_steps(operands: Sequence[int], operators: Sequence[str]) -> list[str]:
    """The sentences that work an expression out, one equation each, by precedence."""
    steps: list[str] = []
    chains, signs = [operands[0]], []
    for operator, operand in zip(operators, operands[1:], strict=True):
        if operator in "+-":
            signs.append(operator)
            chains.append(operand)
        else:
            steps += step(chains[-1], operator, operand)
            chains[-1] = apply(chains[-1], operator, operand)
    total = chains[0]
    for sign, chain in zip(signs, chains[1:], strict=True):
        steps += step(total, sign, chain)
        total = apply(total, sign, chain)
    return steps


def apply(left: int, operator: str, right: int) -> int:
    """One exact integer operation."""
    return evaluate([left, right], [operator])


def step(left: int, operator: str, right: int) -> list[str]:
    """``left operator right`` by place value, as sentences.

    >>> step(47, "+", 38)
    ['47 + 30 = 77.', '77 + 8 = 85.']
    >>> step(12, "*", 34)
    ['12 * 30 = 360.', '12 * 4 = 48.', '360 + 48 = 408.']
    """
    parts = place_values(right)
    if operator == "/" or abs(left) < 10 or len(parts) < 2:
        return [equation(left, operator, right)]
    if operator == "*":
        products = [left * part for part in parts]
        lines = [equation(left, "*", part) for part in parts]
        sums = [equation(sum(products[:i]), "+", products[i]) for i in range(1, len(products))]
        return lines + sums
    lines = []
    for part in parts:
        lines.append(equation(left, operator, part))
        left = apply(left, operator, part)
    return lines


def equation(left: int, operator: str, right: int) -> str:
    """``47 + 8 = 55.``"""
    return f"{left} {operator} {right} = {apply(left, operator, right)}."


def place_values(number: int) -> list[int]:
    """The non-zero place values of a positive number, largest first.

    >>> place_values(305)
    [300, 5]
    """
    digits = str(number)
    values = [int(d) * 10 ** (len(digits) - i) for i, d in enumerate(digits, start=1)]
    return [value for value in values if value]
