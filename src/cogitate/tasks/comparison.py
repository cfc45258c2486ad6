"""Comparison: which of two numbers is larger or smaller, decimals included."""

from fractions import Fraction

from cogitate.schema import Problem
from cogitate.tasks.config import ComparisonConfig
from cogitate.tasks.hashing import Draw
from cogitate.tasks.procedural import Instance, ProceduralTask, number_with_digits


class ComparisonTask(ProceduralTask[ComparisonConfig]):
    """``Which is larger, 37 or 73?`` Difficulty: digits of the longer number.

    With decimals, half of the pairs share the integer part, because only those need the digits
    behind the point: ``Which is larger, 9.9 or 9.11?``
    """

    def draw_instance(self, draw: Draw) -> Instance | None:
        """Two numbers; None if they are equal, as 1.5 and 1.50 are."""
        kind = draw.choice(self.config.kinds)
        whole = [number_with_digits(draw, self.config.digits) for _ in range(2)]
        places = [draw.between(*self.config.decimals) for _ in range(2)]
        if max(places) > 0 and draw.chance(1, 2):
            whole[1] = whole[0]
        texts = [_with_decimals(draw, *pair) for pair in zip(whole, places, strict=True)]
        values = [Fraction(text) for text in texts]
        if values[0] == values[1]:
            return None
        extreme = max(values) if kind == "larger" else min(values)
        return Instance(
            key="values:" + ",".join(str(value) for value in sorted(values)),
            question=f"Which is {kind}, {texts[0]} or {texts[1]}?",
            answer=texts[values.index(extreme)],
            metadata={
                "operands": texts,
                "kind": kind,
                "difficulty": max(len(text.replace(".", "")) for text in texts),
            },
        )

    def working(self, problem: Problem) -> str:
        """The pair written with equally many decimals, and the comparison."""
        texts: list[str] = list(problem.metadata["operands"])
        places = max(len(text.partition(".")[2]) for text in texts)
        small, large = sorted((_pad(text, places) for text in texts), key=Fraction)
        if problem.metadata["kind"] == "larger":
            return f"{large} is larger than {small}."
        return f"{small} is smaller than {large}."


def _with_decimals(draw: Draw, whole: int, places: int) -> str:
    if places == 0:
        return str(whole)
    return f"{whole}.{draw.below(10**places):0{places}d}"


def _pad(text: str, places: int) -> str:
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals.ljust(places, '0')}" if places else whole
