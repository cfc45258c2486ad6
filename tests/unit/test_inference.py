import json
from pathlib import Path

import pytest

from cogitate.config import EvalSection, config_to_toml
from cogitate.engines.streaming import certain, stream
from cogitate.errors import ConfigError, DataError
from cogitate.inference import (
    OpenModel,
    default_template,
    evaluate,
    final_of_run,
    open_model,
    question,
    raw_prompt,
    run_config_of,
    sample,
    shortened,
)
from cogitate.schema import Completion, Message
from cogitate.testing import write_byte_tokenizer
from tiny_run import tiny_config, write_tiny_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> OpenModel:
    directory = write_tiny_model(tmp_path_factory.mktemp("model"))
    return open_model(directory, template="qa", device="cpu", kernels="torch")


class TestOpening:
    def test_a_directory(self, model: OpenModel) -> None:
        assert model.template == "qa"
        params = model.params(max_tokens=5, temperature=0.0, seed=3)
        assert params.stop_strings == ("\n",)
        assert params.stop_token_ids == model.chat.tokenizer.eos_ids
        assert (params.max_tokens, params.temperature, params.seed) == (5, 0.0, 3)
        assert not any(p.requires_grad for p in model.engine.model.parameters())

    def test_an_unknown_model_or_template(self, model: OpenModel, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="not a preset"):
            open_model(str(tmp_path / "none"))
        with pytest.raises(ConfigError, match="unknown template"):
            open_model(model.directory, template="qqq")

    def test_a_run_directory_is_its_final_model(self, model: OpenModel, tmp_path: Path) -> None:
        run = tmp_path / "run"
        run.mkdir()
        config = tiny_config(
            model.directory, tmp_path, template={"name": "qa", "stop_strings": [";"]}
        )
        (run / "config.toml").write_text(config_to_toml(config))
        with pytest.raises(DataError, match="no final model yet.*--resume"):
            open_model(run)
        write_tiny_model(run / "final")
        assert final_of_run(run) == run / "final"
        assert final_of_run(run / "final") is None
        for path in (run, run / "final"):
            assert run_config_of(path) == run / "config.toml"
        # The template it was trained with, options included.
        assert open_model(run).chat.stop_strings == (";",)


class TestDefaultTemplate:
    def test_a_model_with_a_chat_template(self, tmp_path: Path) -> None:
        assert default_template(write_byte_tokenizer(tmp_path)).name == "chat"

    def test_a_base_model(self, tmp_path: Path) -> None:
        assert default_template(write_byte_tokenizer(tmp_path, chat_template=None)).name == "qa"

    def test_some_other_config_nearby_is_not_the_runs(self, tmp_path: Path) -> None:
        (tmp_path / "config.toml").write_text("[template]\nname = 'boxed'\n")
        inner = write_byte_tokenizer(tmp_path / "tokenizer-only", chat_template=None)
        assert default_template(inner).name == "qa"


class TestSampling:
    def test_problems(self, model: OpenModel) -> None:
        params = model.params(max_tokens=4, temperature=1.0, seed=1)
        rows = sample(model, [question("a"), question("b")], params, samples=3)
        assert [len(row) for row in rows] == [3, 3]
        again = sample(model, [question("b")], params, samples=3)
        # A completion depends on its problem and not on its batch.
        assert [c.token_ids for c in again[0]] == [c.token_ids for c in rows[1]]

    def test_questions_have_an_identity(self) -> None:
        history = [Message(role="user", content="x"), Message(role="assistant", content="y")]
        assert question("a").id != question("b").id
        assert question("a", history).id != question("a").id
        assert question("a", history).question == "a"

    def test_half_characters_in_the_input(self, model: OpenModel) -> None:
        problem = question("caf\udcc3")
        assert model.chat.render_prompt(problem).text == "Q: caf?\nA:"

    def test_a_raw_prompt(self, model: OpenModel) -> None:
        assert raw_prompt(model, "ab").token_ids == (97, 98)

    def test_completions_are_shortened_to_the_context(self, model: OpenModel) -> None:
        params = model.params(max_tokens=100, temperature=1.0)
        assert shortened(params, 60, 128).max_tokens == 68
        assert shortened(params, 10, 128).max_tokens == 100
        assert shortened(params, 200, 128).max_tokens == 1  # the engine then says what is wrong


class TestStreaming:
    @pytest.mark.parametrize("seed", range(8))
    @pytest.mark.parametrize("temperature", [0.0, 1.0])
    def test_pieces_add_up_to_what_generate_gives(
        self, model: OpenModel, seed: int, temperature: float
    ) -> None:
        prompt = model.chat.render_prompt(question(f"What is {seed}?"))
        params = model.params(max_tokens=24, temperature=temperature, seed=seed)
        *pieces, last = stream(model.engine, prompt, params)
        [[whole]] = model.engine.generate([prompt], params, n=1)
        assert isinstance(last, Completion)
        assert last == whole
        assert all(isinstance(piece, str) and piece for piece in pieces)
        assert "".join(map(str, pieces)) == whole.text

    def test_what_later_tokens_may_take_back_is_held(self) -> None:
        assert certain("ab\nUs", ("\nUser:",)) == "ab"
        assert certain("ab\nUx", ("\nUser:",)) == "ab\nUx"
        assert certain("aSTO", ("STOP", "TOX")) == "a"
        assert certain("caf\ufffd\ufffd", ()) == "caf"
        assert certain("", ("x",)) == ""


class TestEvaluating:
    def test_held_out_problems_of_a_run(self, model: OpenModel, tmp_path: Path) -> None:
        config = tiny_config(model.directory, tmp_path, eval={"samples": 2})
        results, rows = evaluate(model, config)
        assert [(r.task, r.mode) for r in results] == [
            ("arithmetic", "greedy"), ("extremes", "greedy"), ("all", "greedy"),
            ("arithmetic", "sampled"), ("extremes", "sampled"), ("all", "sampled"),
        ]  # fmt: skip
        assert len(rows) == 4 * (1 + 2)
        assert all(row["problem_id"].split("/")[1] == "heldout" for row in rows)
        json.dumps(rows)

    def test_other_settings(self, model: OpenModel, tmp_path: Path) -> None:
        config = tiny_config(model.directory, tmp_path)
        section = EvalSection(problems_per_task=1, samples=0)
        results, rows = evaluate(model, config, eval_config=section)
        assert {r.mode for r in results} == {"greedy"}
        assert len(rows) == 2
