"""Ask a model questions of a task, and let the task judge the answers.

    python examples/sample_and_score.py [MODEL]

MODEL is a preset (smollm2-135m), a directory, a hub id, or a run directory such as runs/demo.
"""

import sys

from cogitate.inference import open_model, question, sample
from cogitate.tasks.config import ExtremesConfig
from cogitate.tasks.mixture import build_task


def main(source: str = "smollm2-135m") -> None:
    """Four completions for each of three problems, and one question of our own."""
    model = open_model(source, template="qa")
    task = build_task(ExtremesConfig(num_values=(5, 5), digits=(2, 2)))
    problems = [task.problem("heldout", index) for index in range(3)]

    params = model.params(max_tokens=12, temperature=1.0, seed=1)
    for problem, completions in zip(
        problems, sample(model, problems, params, samples=4), strict=True
    ):
        print(f"{problem.question}  (gold {problem.answer})")
        for completion in completions:
            parsed = model.chat.parse(completion)
            score = task.verify(problem, parsed.answer)
            surprise = -sum(completion.logprobs)
            print(f"  {score}  {completion.text.strip()!r}  ({surprise:.1f} nats)")

    greedy = model.params(max_tokens=12, temperature=0.0)
    [[answer]] = sample(model, [question("What is the capital of France?")], greedy)
    print(answer.text.strip())


if __name__ == "__main__":
    main(*sys.argv[1:])
