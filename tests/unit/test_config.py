import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, ClassVar

import pytest

from cogitate.config import (
    RunConfig,
    config_to_toml,
    explain,
    load_config,
    read_source,
    tasks_config,
    validate,
)
from cogitate.config_errors import ALIASES, known_keys, setting_names
from cogitate.errors import ConfigError

MINIMAL = '[[tasks]]\nkind = "arithmetic"\n'


@pytest.fixture
def write(tmp_path: Path):
    def write(text: str, name: str = "x.toml") -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def message_of(path: Path, *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(path, overrides)
    return str(caught.value).replace(str(path), path.name)


class TestLoading:
    def test_a_file_with_tasks_alone_is_a_run(self, write: Any) -> None:
        config = load_config(write(MINIMAL))
        assert (config.name, config.seed, config.algorithm) == ("run", 0, "grpo")
        assert config.tasks[0].kind == "arithmetic"
        assert config.tasks[0].name == "arithmetic"
        assert config.model.source == "smollm2-135m"
        assert config.run_dir == Path("runs/run")
        assert config.steps == config.grpo.steps

    def test_sft_counts_its_own_steps(self, write: Any) -> None:
        config = load_config(write(f'algorithm = "sft"\n{MINIMAL}[sft]\nsteps = 7\n'))
        assert config.steps == 7

    def test_overrides_win(self, write: Any) -> None:
        path = write(f"{MINIMAL}digits = 2\n[grpo]\ngroup_size = 8\n")
        config = load_config(
            path, ["grpo.group_size=16", "tasks.0.digits=3", "template.name=boxed", "name=b2"]
        )
        assert config.grpo.group_size == 16
        assert config.tasks[0].model_dump()["digits"] == (3, 3)
        assert config.template.name == "boxed"
        assert config.name == "b2"

    def test_it_is_frozen(self, write: Any) -> None:
        config = load_config(write(MINIMAL))
        with pytest.raises(ValueError, match="frozen"):
            config.seed = 3  # type: ignore[misc]

    def test_a_section_of_several_kinds_keeps_its_default_kind(self, write: Any) -> None:
        path = write(f"{MINIMAL}[grpo.loss]\nclip_high = 0.28\n")
        assert load_config(path).grpo.loss.kind == "grpo"
        loss = load_config(write(MINIMAL), ["grpo.loss.kl_coef=0.01"]).grpo.loss
        assert (loss.kind, loss.kl_coef) == ("grpo", 0.01)
        assert load_config(path, ["grpo.loss.kind=dapo"]).grpo.loss.kind == "dapo"

    def test_paths_with_a_dot_are_relative_to_the_file(self, write: Any, tmp_path: Path) -> None:
        path = write(
            '[[tasks]]\nkind = "dataset"\npath = "./data/a.jsonl"\n'
            '[[tasks]]\nkind = "dataset"\nname = "b"\npath = "data/b.jsonl"\n'
            '[model]\nsource = "../model"\n'
            '[[reward.custom]]\npath = "./mine.py:brevity"\n'
        )
        config = load_config(path, ["sft.source=./c.jsonl"])
        paths = [task.model_dump()["path"] for task in config.tasks]
        assert paths == [str(tmp_path / "data/a.jsonl"), "data/b.jsonl"]
        assert config.model.source == str(tmp_path.parent / "model")
        assert config.reward.custom[0].path == f"{tmp_path}/mine.py:brevity"
        assert config.sft.source == "./c.jsonl"  # --set: relative to where the command starts

    def test_reading_a_config_does_not_load_torch(self, write: Any) -> None:
        path = write(MINIMAL)
        code = (
            "import sys; from cogitate.config import load_config, config_to_toml; "
            f"config_to_toml(load_config({str(path)!r})); print('torch' in sys.modules)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.stdout.strip() == "False", done.stderr


class TestMessages:
    """Every message names the place, what was seen, what was expected, often what was meant."""

    CASES: ClassVar = {
        "alias in its section": (
            "[grpo]\nnum_generations = 8\n",
            "x.toml:4: unknown key [grpo] num_generations. It is called group_size here.",
        ),
        "alias from elsewhere": (
            "[grpo]\nlr = 1e-5\n",
            "x.toml:4: unknown key [grpo] lr. It is called learning_rate here and belongs in "
            "[optimizer].",
        ),
        "alias at the top level": (
            "[trackers]\nrun_name = 'a'\n",
            "x.toml:4: unknown key [trackers] run_name. It is called name here and belongs in "
            "the top of the file.",
        ),
        "typing mistake": (
            "[grpo]\ngroup_sise = 8\n",
            'x.toml:4: unknown key [grpo] group_sise. Did you mean "group_size"?',
        ),
        "right name, wrong section": (
            "[sampling]\ngroup_size = 8\n",
            "x.toml:4: unknown key [sampling] group_size. It belongs in [grpo].",
        ),
        "nothing like it": (
            "[engine]\nwibble = 1\n",
            "x.toml:4: unknown key [engine] wibble. Known here: slots, kernels.",
        ),
        "unknown section": (
            "[grppo]\nsteps = 1\n",
            'x.toml:3: unknown key grppo. Did you mean "grpo"?',
        ),
        "setting of another kind": (
            '[grpo.loss]\nkind = "cispo"\nclip_high = 0.3\n',
            "x.toml:5: unknown key [grpo.loss] clip_high. Only another kind of grpo.loss has it. "
            "Known here: ",
        ),
        "too small": (
            "[grpo]\ngroup_size = 1\n",
            "x.toml:4: grpo.group_size = 1: must be at least 2. Completions per problem",
        ),
        "not a number": (
            "[grpo]\nsteps = 'many'\n",
            'x.toml:4: grpo.steps = "many": expected a whole number. ',
        ),
        "not whole": ("[grpo]\nsteps = 1.5\n", "grpo.steps = 1.5: expected a whole number."),
        "not a section": ("trackers = 'wandb'\n", 'trackers = "wandb": expected a section'),
        "unknown choice": (
            "[model]\ndtype = 'float16'\n",
            'model.dtype = "float16" is unknown. Known: float32, bfloat16. '
            'Did you mean "bfloat16"?',
        ),
        "unknown kind of loss": (
            "[grpo.loss]\nkind = 'dapoo'\n",
            'grpo.loss.kind = "dapoo" is unknown. Known: grpo, r1, dr_grpo, dapo, gspo, cispo, '
            'custom. Did you mean "dapo"?',
        ),
        "unknown kind of task": (
            "[[tasks]]\nkind = 'aritmetic'\n",
            'tasks.1.kind = "aritmetic" is unknown. Known: arithmetic, ',
        ),
        "task without a kind": (
            "[[tasks]]\nweight = 1\n",
            "x.toml:3: [tasks.1] needs kind = ... to say which. Known: arithmetic, ",
        ),
        "setting of a task": (
            "digit = 3\n",
            'x.toml:3: unknown key [tasks.0] digit. Did you mean "digits"?',
        ),
        "a name that is an alias elsewhere": (
            "n = 3\n",
            "x.toml:3: unknown key [tasks.0] n. Known here: ",
        ),
        "missing": (
            "[[tasks]]\nkind = 'dataset'\n",
            'x.toml:3: [tasks.1] needs "path" (',
        ),
        "element of a list": (
            "operations = ['+', '%']\n",
            'x.toml:3: tasks.0.operations.1 = "%" is unknown. Known: +, -, *, /.',
        ),
        "list too short": (
            "[optimizer]\nbetas = [0.9]\n",
            "x.toml:4: optimizer.betas needs more than 1 entries.",
        ),
        "an owner's own check": (
            "[grpo]\nupdates_per_step = 100\n",
            "x.toml:3: grpo: updates_per_step = 100, but a step has only 64 completions",
        ),
        "two tasks of one name": (
            '[[tasks]]\nkind = "arithmetic"\n',
            'two [[tasks]] are called "arithmetic": metrics are kept by name.',
        ),
    }  # fmt: skip

    @pytest.mark.parametrize("case", CASES)
    def test_message(self, write: Any, case: str) -> None:
        addition, expected = self.CASES[case]
        # Settings of the top level stand before the first section.
        is_top = addition.startswith("trackers =")
        path = write(addition + MINIMAL if is_top else MINIMAL + addition)
        message = message_of(path)
        assert expected in message
        assert "\n" not in message
        for word in ("pydantic", "validation error", "type=", "input_value"):
            assert word not in message

    def test_all_faults_are_reported_at_once_in_order(self, write: Any) -> None:
        path = write(
            "sed = 1\n[[tasks]]\nkind = 'extremes'\ndigits = [3, 2]\n"
            "[grpo]\nsteps = 0\nbeta = 0.1\n"
        )
        lines = message_of(path).splitlines()
        assert lines[0] == "x.toml: 4 settings need attention:"
        assert [line.split(":")[1] for line in lines[1:]] == ["1", "4", "6", "7"]
        assert '"seed"' in lines[1]
        assert "kl_coef" in lines[4]

    def test_faults_of_the_command_line_say_so(self, write: Any) -> None:
        message = message_of(write(MINIMAL), "grpo.groupsize=8")
        assert message == (
            '--set grpo.groupsize=8: unknown key [grpo] groupsize. Did you mean "group_size"?'
        )

    @pytest.mark.parametrize(
        ("override", "expected"),
        [
            ("grpo=3", "expected a section"),
            ("tasks=[]", "needs at least 1 entries"),
            ("name=a/b", "must match the pattern"),
            ("model.device=tpu", "must match the pattern"),
            ("sampling.temperature=0", "must be greater than 0"),
            ("sampling.top_p=1.5", "must be at most 1"),
            ("seed=-1", "must be at least 0"),
            ("tasks.7.digits=1", "numbered from 0"),
            ("optimizer.betas=[0.9,1.5]", "optimizer.betas.1 = 1.5: must be less than 1"),
            ("grpo.loss.reduction=mean", "Known: token, sequence, constant"),
        ],
    )
    def test_wrong_overrides(self, write: Any, override: str, expected: str) -> None:
        assert expected in message_of(write(MINIMAL), override)

    def test_no_tasks_at_all(self, write: Any) -> None:
        assert message_of(write("seed = 1\n")) == (
            'x.toml: the file needs "tasks" (What to train on: one ``[[tasks]]`` section each, '
            "drawn in proportion to ``weight``). Add tasks = ..."
        )

    def test_tasks_from_python(self) -> None:
        with pytest.raises(ConfigError, match='Did you mean "arithmetic"'):
            tasks_config([{"kind": "arithmetics"}])
        assert tasks_config([{"kind": "extremes"}]).tasks[0].name == "extremes"


class TestAliases:
    NAMES = frozenset(setting_names(RunConfig))

    @pytest.mark.parametrize("alias", ALIASES)
    def test_it_leads_to_a_setting_that_exists(self, alias: str) -> None:
        assert ALIASES[alias] in self.NAMES

    def test_none_hides_a_setting_of_ours(self) -> None:
        # In its own section a name of ours is known and never looked up; elsewhere it is better
        # to say where it belongs than to translate it.
        ours = {name.rpartition(".")[2] for name in self.NAMES if not name.startswith("tasks.")}
        assert ALIASES.keys() & ours == set()

    def test_names_of_other_libraries_are_covered(self) -> None:
        for name in ("num_generations", "beta", "epsilon_high", "n_samples_per_prompt", "eps_clip"):
            assert name in ALIASES


def test_known_keys_follow_the_kind() -> None:
    data = {"tasks": [{"kind": "extremes"}], "grpo": {"loss": {"kind": "cispo"}}}
    assert "num_values" in known_keys(RunConfig, ("tasks", 0), data)
    assert "terms" not in known_keys(RunConfig, ("tasks", 0), data)
    assert "cispo_cap" in known_keys(RunConfig, ("grpo", "loss"), data)
    assert "clip_low" not in known_keys(RunConfig, ("grpo", "loss"), data)


class TestWriting:
    def test_the_resolved_file_gives_the_same_run(self, write: Any) -> None:
        config = load_config(
            write(
                f'{MINIMAL}digits = 3\n[[tasks]]\nkind = "dataset"\npath = "a b.jsonl"\n'
                '[grpo.loss]\nkind = "dapo"\n[template]\nname = "chat"\n'
                "[template.variables]\nenable_thinking = false\n"
                "[reward.overlong]\nmax_tokens = 256\ncache = 64\n"
            )
        )
        text = config_to_toml(config)
        assert load_config(write(text, "again.toml")) == config
        assert tomllib.loads(text)["grpo"]["loss"]["clip_high"] == 0.28
        assert "dual_clip" not in text  # None: TOML has no null

    def test_every_default_is_written(self) -> None:
        text = config_to_toml(tasks_config([{"kind": "arithmetic"}]))
        table = tomllib.loads(text)
        for name in ("model", "sampling", "grpo", "optimizer", "engine", "eval", "checkpoint"):
            assert table[name], name
        assert table["optimizer"]["betas"] == [0.9, 0.95]

    def test_what_toml_cannot_say_is_refused(self) -> None:
        class WithDefault(RunConfig):
            limit: int | None = 3

        table = {"tasks": [{"kind": "arithmetic"}], "limit": None}
        with pytest.raises(ConfigError, match="a setting is None where the default is not"):
            config_to_toml(WithDefault.model_validate(table))


class TestSource:
    def test_lines_of_settings_and_of_sections_around_them(self, write: Any) -> None:
        source = read_source(write(f'{MINIMAL}operations = ["+"]\n[grpo]\n'), ["seed=1"])
        assert source.line(("tasks", 0, "operations", 0)) == 3
        assert source.line(("tasks", 0)) == 1
        assert source.line(("grpo", "steps")) == 4
        assert source.line(("seed",)) == 0
        assert source.place(("seed",)) == "--set seed=1"
        assert source.place(("nothing",)) == source.label

    def test_origins(self, write: Any) -> None:
        source = read_source(
            write(f"{MINIMAL}[grpo]\nloss = {{ kind = 'dapo' }}\n"), ["tasks.0.digits=3"]
        )
        assert source.origin(("tasks", 0, "kind")) == "line 2"
        assert source.origin(("tasks", 0, "digits")) == "--set"
        assert source.origin(("tasks", 0, "weight")) == "default"
        assert source.origin(("grpo", "loss", "kind")) == "file"  # inside an inline table
        assert source.origin(("tasks", 5, "kind")) == "default"

    def test_an_override_of_a_section_covers_its_settings(self, write: Any) -> None:
        source = read_source(write(MINIMAL), ['grpo.loss={kind="cispo", cispo_cap=3.0}'])
        assert source.origin(("grpo", "loss", "cispo_cap")) == "--set"
        config = validate(source)
        assert config.grpo.loss.model_dump()["cispo_cap"] == 3.0


class TestExplain:
    def test_values_have_origin_and_docstring(self, write: Any) -> None:
        source = read_source(
            write(f"{MINIMAL}digits = 3\n[grpo]\nsteps = 5\n"), ["grpo.group_size=16"]
        )
        rows = {row["key"]: row for row in explain(source, validate(source))}
        assert rows["grpo.steps"]["origin"] == "line 5"
        assert rows["grpo.group_size"]["origin"] == "--set"
        assert rows["grpo.group_size"]["value"] == 16
        assert rows["tasks.0.digits"]["origin"] == "line 3"
        assert rows["tasks.0.digits"]["value"] == (3, 3)
        assert rows["optimizer.eps"]["origin"] == "default"
        assert rows["grpo.loss.clip_low"]["doc"].startswith("The ratio is clipped below")

    def test_every_setting_says_what_it_means(self, write: Any) -> None:
        tables = [{"kind": kind} for kind in ("arithmetic", "chain_sum", "countdown", "extremes",
                  "selection", "comparison", "word_problems")]  # fmt: skip
        tables.append({"kind": "dataset", "path": "x.jsonl"})
        config = tasks_config(tables)
        source = read_source(write(config_to_toml(config)))
        silent = [
            row["key"]
            for row in explain(source, config)
            if not row["doc"] and not row["key"].endswith(".kind")
        ]
        assert silent == []

    def test_the_number_of_settings_stays_small(self, write: Any) -> None:
        config = tasks_config([{"kind": "arithmetic"}])
        rows = explain(read_source(write(config_to_toml(config))), config)
        rl = [row["key"] for row in rows if not row["key"].startswith(("tasks.", "sft."))]
        print(f"{len(rl)} settings for reinforcement learning")
        assert len(rl) <= 80
