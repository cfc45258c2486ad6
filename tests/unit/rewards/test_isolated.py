"""Users' functions in processes of their own: hangs, leaks, exits and lies end there."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cogitate.errors import ConfigError
from cogitate.rewards.calling import Failure
from cogitate.rewards.config import CustomRewardConfig
from cogitate.rewards.custom import CustomReward
from cogitate.rewards.isolated import library_path
from cogitate.schema import Message, Problem
from cogitate.testing import completion_from_text

PROBLEM = Problem(
    id="t/train/1",
    task="sums",
    messages=(Message(role="user", content="2+2?"),),
    answer="4",
    metadata={"difficulty": 3},
)
COMPLETIONS = [completion_from_text(text) for text in ("4", "five", "\ud800é")]
Load = Callable[..., CustomReward]


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Load]:
    made: list[CustomReward] = []

    def make(source: str, **options: object) -> CustomReward:
        path = tmp_path / "mine.py"
        path.write_text(source)
        settings = {"isolate": True, "timeout": 20.0, "memory_mb": 1024, **options}
        made.append(CustomReward(CustomRewardConfig(path=f"{path}:f", **settings)))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for reward in made:
        reward.close()


def scores(reward: CustomReward) -> list[float | str]:
    found = reward.scores(PROBLEM, COMPLETIONS)
    return [score.cause if isinstance(score, Failure) else score for score in found]


NATIVE = """
import os, sys
def f(problem, completions):
    assert problem.question == "2+2?" and problem.metadata["difficulty"] == 3
    assert "torch" not in sys.modules
    return [float(c.text == problem.answer) + 10 * (len(c.token_ids) == 1) for c in completions]
"""
VERL = """
import asyncio
async def f(solution_str, ground_truth, extra_info):
    await asyncio.sleep(0)
    return {"score": solution_str == ground_truth}
"""
TRL = """
def f(completions, answer, difficulty, **columns):
    print("noise")
    return [len(c) + difficulty[0] for c in completions]
"""


@pytest.mark.parametrize(
    ("source", "expected"),
    [(NATIVE, [11.0, 0.0, 0.0]), (VERL, [1.0, 0.0, 0.0]), (TRL, [4.0, 7.0, 5.0])],
)
def test_every_signature(load: Load, source: str, expected: list[float]):
    assert scores(load(source, workers=2 if source is VERL else 1)) == expected


TROUBLE = """
import os, sys, time, signal
def f(solution_str, ground_truth):
    if solution_str == "spin":
        while True: pass
    if solution_str == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(1000)
    if solution_str == "_exit":
        os._exit(0)
    if solution_str == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    if solution_str == "exit":
        sys.exit(0)
    if solution_str == "memory":
        x = [bytes(2**20) for _ in range(10**6)]
    if solution_str == "pipes":
        os.closerange(0, 100)
    return {"raise": [], "nan": float("nan"), "none": None}.get(solution_str, 1.0)
"""
CAUSES = {
    "spin": "timeout",
    "deaf": "timeout",
    "_exit": "crashed",
    "segfault": "crashed",
    "exit": "exited",
    "memory": "memory",
    "pipes": "crashed",
    "raise": "no_score",
    "nan": "not_finite",
    "none": "no_score",
}


def test_trouble_masks_one_completion(load: Load):
    reward = load(TROUBLE, timeout=1.0, memory_mb=512, workers=2)
    texts = [word for trouble in CAUSES for word in (trouble, "fine")]
    found = reward.scores(PROBLEM, [completion_from_text(text) for text in texts])
    causes = [score.cause if isinstance(score, Failure) else score for score in found]
    # A fine completion may be late on a busy machine; it is then masked, never anything else.
    assert causes[::2] == list(CAUSES.values())
    assert set(causes[1::2]) <= {1.0, "timeout"}
    assert causes[1::2].count(1.0) >= 5, "new processes have taken over"


def test_a_leak_over_many_calls_ends_with_its_process(load: Load):
    source = (
        "kept = []\ndef f(completions):\n    kept.append(bytearray(2**26))\n    return [1.0] * 3"
    )
    reward = load(source, memory_mb=384)
    found = [scores(reward)[0] for _ in range(9)]
    assert set(found) == {1.0, "memory"}
    assert found.count("memory") <= 4, "a new process has room again"


def test_a_group_call_that_dies_masks_its_group_and_each_masks_one(load: Load):
    source = "import os\ndef f(completions):\n    if 'five' in completions: os._exit(3)\n    return [1.0] * len(completions)"
    assert scores(load(source)) == ["crashed"] * 3
    assert scores(load(source, each=True)) == [1.0, "crashed", 1.0]


def test_nothing_is_left_of_it(load: Load, tmp_path: Path):
    marker = f"cogitate-test-{os.getpid()}-{time.monotonic_ns()}"
    source = (
        "import subprocess, sys\n"
        f"child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)', '{marker}'])\n"
        "def f(completions):\n"
        "    return [1.0] * 3\n"
    )
    reward = load(source)
    assert scores(reward) == [1.0] * 3
    reward.close()
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    assert marker not in running.stdout


def test_the_trainer_never_loads_the_file(load: Load):
    before = set(sys.modules)
    reward = load(
        "import os\nhere = os.getpid()\ndef f(completions):\n    return [float(here)] * 3"
    )
    assert scores(reward)[0] != float(os.getpid())
    assert not [name for name in set(sys.modules) - before if name.startswith("cogitate_custom")]
    assert not hasattr(reward, "_no_such") and not os.environ.get("COGITATE_TEST_CHANGED")


def test_random_draws_depend_on_the_completions_only(load: Load):
    source = "import random\ndef f(solution_str, ground_truth):\n    return random.random()"
    one, two = scores(load(source)), scores(load(source, workers=2))
    assert one == two
    assert len(set(one)) == 3


@pytest.mark.parametrize(
    ("source", "match"),
    [
        ("def f(text): ...", r"parameters \(text\) are not understood"),
        ("def g(completions): ...", 'has no function "f"'),
        ("undefined", "cannot be imported: it raised NameError"),
        ("import os\nos._exit(7)", "its process ended while the file was loaded.*exit code 7"),
        ("raise SystemExit(1)", "its process ended while the file was loaded"),
    ],
)
def test_a_file_that_cannot_be_used(load: Load, source: str, match: str):
    with pytest.raises(ConfigError, match=match):
        load(source)


def test_it_keeps_its_environment(load: Load, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MY_CACHE", "/somewhere")
    source = "import os\ndef f(completions):\n    return [float(os.environ['MY_CACHE'] == '/somewhere')] * 3"
    assert scores(load(source)) == [1.0] * 3


def test_what_a_sandboxed_worker_may_read():
    found = library_path()
    assert str(Path.cwd()) not in found
    assert any(Path(path, "cogitate").is_dir() for path in found)


def sandbox_or_skip() -> None:
    from cogitate.errors import SandboxError
    from cogitate.verifiers.shared import shared_sandbox

    try:
        shared_sandbox()
    except SandboxError as error:
        pytest.skip(f"no sandbox here: {error}")


def test_in_the_sandbox_it_sees_its_folder_and_little_else(load: Load, tmp_path: Path):
    sandbox_or_skip()
    (tmp_path / "table.txt").write_text("7")
    secret = tmp_path.parent / f"{tmp_path.name}-secret"
    secret.write_text("secret")
    source = f"""
import os, socket
from pathlib import Path
def f(completions):
    table = float(Path(__file__).with_name("table.txt").read_text())
    seen = [Path({str(secret)!r}).exists(), "MY_SECRET" in os.environ, os.path.exists({str(Path.cwd() / "README.md")!r})]
    try:
        socket.create_connection(("127.0.0.1", 9), timeout=1)
    except OSError as error:
        seen.append("refused" in str(error).lower())
    try:
        Path(__file__).with_name("table.txt").write_text("8")
        seen.append(True)
    except OSError:
        pass
    return [table, float(sum(map(bool, seen[:3]))), float(seen[-1] is True)]
"""
    os.environ["MY_SECRET"] = "1"
    try:
        assert scores(load(source, sandbox=True))[:2] == [7.0, 0.0]
    finally:
        del os.environ["MY_SECRET"]
    assert (tmp_path / "table.txt").read_text() == "7"


def test_settings_without_isolate_are_refused():
    with pytest.raises(ValueError, match="memory_mb, sandbox without isolate has no effect"):
        CustomRewardConfig(path="a.py:f", sandbox=True, memory_mb=100)
