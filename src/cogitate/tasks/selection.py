"""Selection: which number stands at a given place of a list."""

from cogitate.schema import Problem
from cogitate.tasks.config import POSITIONS, SelectionConfig
from cogitate.tasks.hashing import Draw
from cogitate.tasks.procedural import Instance, ProceduralTask, different_numbers, values_key


class SelectionTask(ProceduralTask[SelectionConfig]):
    """``Which number comes third in this list: 4, 9, 2, 7?`` Difficulty: list length."""

    def draw_instance(self, draw: Draw) -> Instance:
        """A list of different numbers and a place that exists in it."""
        count = draw.between(*self.config.num_values)
        values = different_numbers(draw, count, self.config.digits)
        fitting = [p for p in self.config.positions if place_of(p, count) < count]
        position = draw.choice(fitting)
        listed = ", ".join(str(value) for value in values)
        return Instance(
            key=values_key(values),
            question=f"Which number comes {position} in this list: {listed}?",
            answer=str(values[place_of(position, count)]),
            metadata={"operands": values, "position": position, "difficulty": count},
        )

    def working(self, problem: Problem) -> str:
        """The list counted up to the place."""
        values: list[int] = list(problem.metadata["operands"])
        place = place_of(problem.metadata["position"], len(values))
        if problem.metadata["position"] == "last":
            return f"The list ends with {values[place]}."
        counted = [f"{i}: {value}" for i, value in enumerate(values[: place + 1], start=1)]
        return ", ".join(counted) + "."


def place_of(position: str, count: int) -> int:
    """The index that a position word names in a list of ``count`` numbers.

    >>> place_of("third", 5), place_of("last", 5)
    (2, 4)
    """
    return count - 1 if position == "last" else POSITIONS.index(position)
