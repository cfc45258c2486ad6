"""Every configuration that is shipped loads, explains itself, and runs from end to end.

The runs are made small and use a random model of a few thousand weights; what is tested is that
the settings fit together, not that something is learnt.
"""

import json
from pathlib import Path

import pytest

from cogitate.cli import main
from cogitate.config import RunConfig, config_to_toml, load_config
from cogitate.registry import build_chat
from cogitate.tasks.mixture import build_mixture
from cogitate.testing import byte_tokenizer
from tiny_run import write_tiny_model

ROOT = Path(__file__).parents[2]
CONFIGS = sorted((ROOT / "configs").glob("*.toml"))
SMALL = (
    "grpo.steps=2", "grpo.problems_per_step=2", "grpo.group_size=2", "sft.steps=2",
    "sft.batch_size=2", "sampling.max_tokens=6", "eval.every=1", "eval.problems_per_task=2",
    "checkpoint.every=1", "engine.slots=4", "optimizer.warmup_steps=1", "model.device=cpu",
)  # fmt: skip


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model with room for the long prompts that a byte tokenizer makes."""
    directory = write_tiny_model(tmp_path_factory.mktemp("model"))
    path = directory / "config.json"
    settings = json.loads(path.read_text())
    path.write_text(json.dumps({**settings, "max_position_embeddings": 4096}))
    return directory


@pytest.fixture(scope="module")
def questions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty questions in the style of GSM8K."""
    path = tmp_path_factory.mktemp("data") / "questions.jsonl"
    rows = [
        {"question": f"Ann has {n} apples and buys {n + 2}. How many has she?",
         "answer": f"She has {n} + {n + 2} = {2 * n + 2}.\n#### {2 * n + 2}"}
        for n in range(40)
    ]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten programs to write, with the tests that open-r1's data sets have."""
    path = tmp_path_factory.mktemp("data") / "programs.jsonl"
    rows = [
        {"problem": f"Read a number and print it plus {n}.", "solution": "",
         "verification_info": {"test_cases": [{"input": "1\n", "output": f"{n + 1}\n"}]}}
        for n in range(10)
    ]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def overrides(
    config: RunConfig, model: Path, questions: Path, programs: Path, output: Path
) -> list[str]:
    chosen = [*SMALL, f"model.source={model}", f"output_dir={output}"]
    if config.tasks[0].kind == "dataset":
        is_code = config.tasks[0].answer_kind == "code"
        chosen.append(f"tasks.0.path={programs if is_code else questions}")
    if config.grpo.reference_refresh_steps:
        chosen.append("grpo.reference_refresh_steps=1")
    if config.reward.overlong is not None:
        chosen += ["reward.overlong.max_tokens=6", "reward.overlong.cache=2"]
    return chosen


def test_there_are_configurations() -> None:
    assert len(CONFIGS) >= 7
    assert ROOT / "configs" / "demo.toml" in CONFIGS


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
class TestEachConfiguration:
    def test_it_loads_and_can_be_written_again(self, path: Path, tmp_path: Path) -> None:
        config = load_config(path)
        again = tmp_path / "again.toml"
        again.write_text(config_to_toml(config))
        assert load_config(again) == config

    def test_it_begins_with_what_it_is_and_how_to_run_it(self, path: Path) -> None:
        text = path.read_text()
        assert text.startswith("# ")
        assert f"#   cogitate run configs/{path.name}" in text

    def test_names_are_unique(self, path: Path) -> None:
        names = [load_config(other).name for other in CONFIGS]
        assert names.count(load_config(path).name) == 1

    def test_solutions_fit_the_template(self, path: Path) -> None:
        config = load_config(path)
        procedural = [task for task in config.tasks if task.kind != "dataset"]
        if not procedural:
            return
        chat = build_chat(byte_tokenizer(), config.template)
        mixture = build_mixture(procedural, config.seed)
        for index in range(5):
            problem = mixture.problem("train", index)
            thinking, answer = mixture.tasks[problem.task].solution(problem)
            _, completion = chat.render_solution(problem, thinking, answer)
            assert completion

    def test_it_runs(
        self, path: Path, model: Path, questions: Path, programs: Path, tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:  # fmt: skip
        config = load_config(path)
        changes = overrides(config, model, questions, programs, tmp_path)
        arguments = [part for change in changes for part in ("--set", change)]
        assert main(["run", str(path), "--json", *arguments]) == 0
        events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        steps = [event for event in events if event["event"] == "step"]
        assert len(steps) == 2
        run_dir = tmp_path / config.name
        assert (run_dir / "final" / "model.safetensors").is_file()
        recorded = load_config(run_dir / "config.toml")
        assert recorded == load_config(path, changes)


def test_the_cold_start_leads_into_its_reinforcement_run() -> None:
    first = load_config(ROOT / "configs" / "coldstart_sft_word_problems.toml")
    second = load_config(ROOT / "configs" / "word_problems_rl.toml")
    assert second.model.source == str(first.run_dir / "final")
    assert second.template == first.template
    assert second.seed != first.seed


def test_the_demo_has_three_tasks_and_only_the_answer_counts() -> None:
    demo = load_config(ROOT / "configs" / "demo.toml")
    assert len(demo.tasks) >= 3
    assert demo.algorithm == "grpo"
    assert (demo.reward.accuracy, demo.reward.format, demo.reward.random) == (1.0, 0.0, 0.0)
    assert demo.grpo.loss.kl_coef == 0.0


def test_the_control_is_one_override_away() -> None:
    control = load_config(
        ROOT / "configs" / "demo.toml", ["reward.accuracy=0.0", "reward.random=1.0"]
    )
    assert control.reward.random == 1.0
