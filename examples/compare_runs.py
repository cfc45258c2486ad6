"""Is the reward doing the work? Train with it and with a coin flip, and compare, pairwise.

    python examples/compare_runs.py [CONFIG] [KEY=VALUE ...]

Two runs that differ in one setting are evaluated on the same held-out problems, so that their
difference is taken problem by problem. Writes compare.html beside the runs.
"""

import sys
from pathlib import Path

from cogitate import load_config, run
from cogitate.report import compare, write_report

ARMS = {
    "answer": ["reward.accuracy=1.0"],
    "coin": ["reward.accuracy=0.0", "reward.random=1.0"],  # the control: it knows nothing
}


def main(path: str = "configs/tiny_cpu_test.toml", *overrides: str) -> None:
    """Train both arms, then print what can be told apart from chance."""
    run_dirs: list[Path] = []
    for arm, settings in ARMS.items():
        name = load_config(path, overrides).name
        config = load_config(path, [*overrides, *settings, f"name={name}-{arm}"])
        print(f"training {config.name}")
        result = run(config)
        write_report(result.run_dir)
        run_dirs.append(result.run_dir)

    page = run_dirs[0].parent / "compare.html"
    print(compare(run_dirs, page).render())
    print(f"\n{page}")


if __name__ == "__main__":
    main(*sys.argv[1:])
