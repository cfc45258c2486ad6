"""Everything a training loop needs, already built: what ``registry.build_components`` returns."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cogitate.protocols import Placement, Scoring
from cogitate.tasks.mixture import Mixture
from cogitate.text.chat import Chat

Example = tuple[Sequence[int], Sequence[int]]
"""A supervised example: (prompt_ids, completion_ids), the latter with its end token."""

ExampleSource = Callable[[int], Example]
"""The example with a given number, a pure function of it, so that the data cursor of a run is one
integer. Numbers start at 0 and never end; a finite source starts over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Components:
    """The exchangeable parts of a run.

    ``examples`` is None unless the algorithm is "sft". ``source`` is the Hugging Face directory the
    weights came from: the trained model gets its tokenizer and templates from there.
    """

    mixture: Mixture
    rubric: Scoring
    chat: Chat
    placement: Placement
    examples: ExampleSource | None = None
    source: Path | None = None

    def close(self) -> None:
        """End the processes and threads of all parts."""
        for part in (self.rubric, self.placement):
            close = getattr(part, "close", None)
            if close is not None:
                close()


def solution_examples(mixture: Mixture, chat: Chat) -> ExampleSource:
    """Worked solutions of the training problems, in the order in which GRPO would draw them."""

    def example(index: int) -> Example:
        problem = mixture.problem("train", index)
        think, answer = mixture.tasks[problem.task].solution(problem)
        return chat.render_solution(problem, think, answer)

    return example
