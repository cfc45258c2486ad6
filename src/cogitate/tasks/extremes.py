"""Extremes: the largest or the smallest of several numbers."""

from cogitate.schema import Problem
from cogitate.tasks.config import ExtremesConfig
from cogitate.tasks.hashing import Draw
from cogitate.tasks.procedural import Instance, ProceduralTask, different_numbers, values_key


class ExtremesTask(ProceduralTask[ExtremesConfig]):
    """``What is the largest of these numbers: 23, 87, 45, 12, 60?`` Difficulty: list length.

    The key is the set of numbers alone: asking for the other extreme, or in another order, is
    the same instance.
    """

    def draw_instance(self, draw: Draw) -> Instance:
        """A list of different numbers."""
        kind = draw.choice(self.config.kinds)
        count = draw.between(*self.config.num_values)
        values = different_numbers(draw, count, self.config.digits)
        listed = ", ".join(str(value) for value in values)
        return Instance(
            key=values_key(values),
            question=f"What is the {kind} of these numbers: {listed}?",
            answer=str(max(values) if kind == "largest" else min(values)),
            metadata={"operands": values, "kind": kind, "difficulty": count},
        )

    def working(self, problem: Problem) -> str:
        """The best number so far, from left to right."""
        values: list[int] = list(problem.metadata["operands"])
        kind: str = problem.metadata["kind"]
        best, steps = values[0], [f"Start with {values[0]}."]
        for value in values[1:]:
            better = value > best if kind == "largest" else value < best
            if better:
                comparative = "larger" if kind == "largest" else "smaller"
                steps.append(f"{value} is {comparative} than {best}.")
                best = value
        return " ".join([*steps, f"The {kind} is {best}."])
