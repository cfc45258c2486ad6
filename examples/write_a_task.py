"""Write a task: draw a question, say its answer, work it out. Run: python examples/write_a_task.py

To train on it, name this file in a configuration:

    [[tasks]]
    kind = "custom"
    name = "minutes"
    factory = "examples/write_a_task.py:make_task"
    settings = { max_hours = 12 }
"""

from cogitate.schema import Problem
from cogitate.tasks.config import CustomConfig, TaskConfigBase
from cogitate.tasks.hashing import Draw
from cogitate.tasks.mixture import build_task
from cogitate.tasks.procedural import Instance, ProceduralTask


class MinutesConfig(TaskConfigBase):
    """Settings of the task below."""

    max_hours: int = 12
    """Largest number of hours asked about."""


class MinutesTask(ProceduralTask[MinutesConfig]):
    """``How many minutes are 3 hours and 20 minutes?``"""

    def draw_instance(self, draw: Draw) -> Instance:
        """The key names the instance whatever its wording, and decides its split."""
        hours, minutes = draw.between(2, self.config.max_hours), draw.between(2, 59)
        return Instance(
            key=f"minutes:{hours}:{minutes}",
            question=f"How many minutes are {hours} hours and {minutes} minutes?",
            answer=str(60 * hours + minutes),
            metadata={"operands": [hours, minutes], "difficulty": len(str(60 * hours))},
        )

    def working(self, problem: Problem) -> str:
        """The steps, for supervised fine-tuning before reinforcement learning."""
        hours, minutes = problem.metadata["operands"]
        return f"{hours} * 60 = {60 * hours}. {60 * hours} + {minutes} = {problem.answer}."


def make_task(name: str, seed: int, run_seed: int, max_hours: int = 12) -> MinutesTask:
    """What a configuration calls; ``settings`` become the keyword arguments."""
    config = MinutesConfig(name=name, seed=seed, max_hours=max_hours)
    return MinutesTask(config, run_seed=run_seed)


if __name__ == "__main__":
    task = build_task(CustomConfig(name="minutes", factory=f"{__file__}:make_task"))
    for split in ("train", "heldout"):
        for problem in (task.problem(split, index) for index in range(3)):
            thinking, answer = task.solution(problem)
            assert task.verify(problem, answer) == 1.0, "a task grades its own gold answer"
            print(f"{problem.id}\n  {problem.question}\n  {thinking}\n  {answer}")
