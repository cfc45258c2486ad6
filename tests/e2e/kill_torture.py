"""Kill -9 at random moments and at named points; resume each time; compare every byte at the end.

    python tests/e2e/kill_torture.py --kills 20

A run directory is killed and resumed again and again until the run completes; then its weights,
optimizer, metrics, evaluations, rollouts and final model must be those of a run that nothing
disturbed. Then the next directory, until there were enough kills.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS), str(TESTS.parent / "src")]

STEPS = 20
POINTS = {
    "rollout": 6,
    "reward": 6,
    "backward": 6,
    "optimizer": 6,
    "update": 6,
    "metrics.write": 8,
    "checkpoint.write": 2,
    "checkpoint.before_manifest": 2,
    "checkpoint.after_manifest": 2,
    "checkpoint.before_rename": 2,
    "checkpoint.after_rename": 2,
    "checkpoint.prune": 1,
    "final": 1,
}
"""Where a run can be told to crash, and the highest count to ask for in one attempt."""

KILLED = (-signal.SIGKILL, 137)


# ------------------------------------------------------------------------- the run that is killed


def child(model: Path, output_dir: Path) -> None:
    """One attempt at the run, resuming what is there."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    import torch

    from cogitate.runner import run
    from cogitate.train.listener import RunInfo, SilentListener
    from tiny_run import tiny_config

    class Announce(SilentListener):
        def started(self, info: RunInfo) -> None:
            print(f"started {info.first_step}", flush=True)

    torch.set_num_threads(1)
    if os.environ.get("COGITATE_CRASH_AT", "").startswith("optimizer:"):
        split_optimizer_step(torch.optim.AdamW)
    config = tiny_config(
        model,
        output_dir,
        grpo={"steps": STEPS, "updates_per_step": 2},
        eval={"every": 5},
        checkpoint={"every": 2, "keep": 2},
    )
    result = run(config, resume=True, listener=Announce())
    print(f"ended {result.status} {result.step}", flush=True)


def split_optimizer_step(optimizer: type) -> None:
    """Make an update pass a crash point when half of the tensors have their new values."""
    from cogitate.filesystem import crash_point

    whole_step = optimizer.step

    def step(self, *arguments, **options):
        groups = self.param_groups
        for group in groups:
            self.param_groups = [group]
            whole_step(self, *arguments, **options)
            crash_point("optimizer")
        self.param_groups = groups

    optimizer.step = step


# ---------------------------------------------------------------------------------- the torturer


@dataclass
class Attempt:
    """One process: how it was to end, how it ended, and how long it trained."""

    plan: str
    code: int
    seconds: float
    first_step: int


@dataclass
class Torture:
    """Attempts at runs that must all end alike."""

    folder: Path
    rng: random.Random
    verbose: bool = True
    kills: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def prepare(self) -> None:
        """The model, and the run that nothing disturbs."""
        from tiny_run import fingerprint, write_tiny_model

        self.model = write_tiny_model(self.folder / "model")
        attempt = self.attempt(self.folder / "straight", "nothing")
        if attempt.code != 0:
            raise SystemExit("the undisturbed run failed")
        self.seconds = attempt.seconds
        self.expected = fingerprint(self.folder / "straight" / "tiny")
        self.say(f"undisturbed run: {STEPS} steps in {attempt.seconds:.1f} s")

    def attempt(self, output_dir: Path, plan: str, *, kill_after: float | None = None) -> Attempt:
        """Start the run; kill it after some seconds of training, or let it come to its plan."""
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        environment.pop("COGITATE_CRASH_AT", None)
        if ":" in plan:
            environment["COGITATE_CRASH_AT"] = plan
        process = subprocess.Popen(
            [sys.executable, __file__, "--child", str(self.model), str(output_dir)],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        word, _, step = process.stdout.readline().strip().partition(" ")
        begun = time.monotonic()
        # A run that has all its steps would only be killed while it exits.
        if word == "started" and kill_after is not None and int(step) <= STEPS:
            try:
                process.wait(kill_after)
            except subprocess.TimeoutExpired:
                process.kill()
        code = process.wait()
        process.stdout.close()
        return Attempt(plan, code, time.monotonic() - begun, int(step or 0))

    def run_until_complete(self, name: str, plans: list[str]) -> None:
        """Kill one directory by plan after plan until the run completes; compare."""
        output_dir = self.folder / name
        story = []
        while True:
            plan = plans[0] if plans else "nothing"
            delay = self.rng.uniform(0.0, 0.6 * self.seconds) if plan == "random" else None
            attempt = self.attempt(output_dir, plan, kill_after=delay)
            moment = f"{plan} at {attempt.seconds:.2f} s" if plan == "random" else plan
            story.append(f"{moment} from step {attempt.first_step}: {attempt.code}")
            if attempt.code == 0:
                if plan.endswith(":1") and attempt.first_step == 1:
                    self.failures.append(f"{name}: the point {plan} was never reached")
                break
            if attempt.code not in KILLED:
                self.failures.append(f"{name}: exit code {attempt.code} after {story}")
                return
            self.kills[plan.partition(":")[0]] = self.kills.get(plan.partition(":")[0], 0) + 1
            plans.pop(0)
        self.compare(name, output_dir / "tiny", story)

    def compare(self, name: str, run_dir: Path, story: Sequence[str]) -> None:
        """Everything must be as in the undisturbed run, and nothing may be left over."""
        from tiny_run import differences, fingerprint

        different = differences(self.expected, fingerprint(run_dir))
        leftovers = [path.name for path in run_dir.rglob("*") if ".tmp" in path.name]
        leftovers += [path.name for path in run_dir.glob("run.lock*")]
        if different or leftovers:
            self.failures.append(f"{name}: differs in {different}, left {leftovers}; {story}")
        verdict = "DIFFERENT" if different or leftovers else "identical"
        self.say(f"{name}: {verdict} after {len(story) - 1} kills ({'; '.join(story)})")

    def say(self, text: str) -> None:
        if self.verbose:
            print(text, flush=True)


def torture(kills: int, points: Sequence[str], *, seed: int = 0, verbose: bool = True) -> Torture:
    """Kill runs at ``kills`` random moments and at every one of ``points``; compare them all."""
    with tempfile.TemporaryDirectory() as folder:
        job = Torture(Path(folder), random.Random(seed), verbose)
        job.prepare()
        named = [f"{name}:{job.rng.randint(1, POINTS[name])}" for name in points]
        number = 0
        for plans in (named, ["random"] * kills):
            while plans and not job.failures:
                number += 1
                job.run_until_complete(f"run {number}", plans)
                if plans and ":" in plans[0]:  # the run ended before the point: ask for less
                    plans[0] = f"{plans[0].partition(':')[0]}:1"
    return job


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=20, help="kills at random moments")
    parser.add_argument(
        "--points", default=",".join(POINTS), help="named crash points, separated by commas"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--child", nargs=2, type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(*arguments.child)
        return 0
    begun = time.monotonic()
    points = [name for name in arguments.points.split(",") if name]
    job = torture(arguments.kills, points, seed=arguments.seed)
    listing = ", ".join(f"{name} {count}" for name, count in sorted(job.kills.items()))
    total = sum(job.kills.values())
    print(f"{total} kills ({listing}) in {time.monotonic() - begun:.0f} s")
    for failure in job.failures:
        print(f"FAILED {failure}")
    print("FAILED" if job.failures else "PASSED: every resumed run ended byte-identical")
    return 1 if job.failures else 0


if __name__ == "__main__":
    sys.exit(main())
