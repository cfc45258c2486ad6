"""Train from Python: the same run as `cogitate run`, with settings as values and events as calls.

    python examples/train_from_python.py [MODEL] [OUTPUT_DIR]

MODEL is a preset (smollm2-135m), a directory or a hub id. Takes about two minutes on two cores.
"""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from cogitate import RunConfig, run
from cogitate.schema import EvalResult, StepReport
from cogitate.train.listener import SilentListener


class Progress(SilentListener):
    """Prints what a listener is told; override only the events you care about."""

    def step(
        self, report: StepReport, sample_rows: Sequence[Mapping[str, Any]], eta: float | None
    ) -> None:
        """One line per step, with the first rollout of it."""
        row = sample_rows[0]
        answer = f"{row['parsed_answer']!r}, gold {row['gold']!r}"
        print(f"step {report.step}: reward {report.metrics['reward/mean']:.2f}, e.g. {answer}")

    def evaluated(self, results: Sequence[EvalResult]) -> None:
        """Held-out accuracy never comes without its interval."""
        for result in results:
            low, high = result.ci95
            print(f"  {result.task} {result.mode}: {result.value:.2f} [{low:.2f}, {high:.2f}]")


def main(model: str = "smollm2-135m", output_dir: str = "runs") -> None:
    """Learn to pick the larger of two numbers."""
    config = RunConfig.model_validate(
        {
            "name": "from_python",
            "output_dir": output_dir,
            "model": {"source": model, "train_embedding": False},
            "tasks": [{"kind": "comparison", "digits": 2}],
            "reward": {"truncated": "zero"},
            "sampling": {"max_tokens": 8},
            "grpo": {"steps": 10, "problems_per_step": 8, "group_size": 8},
            "eval": {"every": 5, "problems_per_task": 32},
        }
    )
    result = run(config, listener=Progress())
    print(f"{result.status} after {result.seconds:.0f} s; the model is in {result.final_dir}")


if __name__ == "__main__":
    main(*sys.argv[1:])
