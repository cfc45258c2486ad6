"""The work of ``cogitate reward-model``."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cogitate.config import read_source, with_default_kinds
from cogitate.config_errors import sentences
from cogitate.errors import ConfigError, DataError
from cogitate.metrics import write_rows
from cogitate.policies.config import OptimizerConfig
from cogitate.registry import resolve_device
from cogitate.reward_models.config import RewardModelConfig
from cogitate.reward_models.dataset import evaluation_items
from cogitate.reward_models.encoding import reward_chat, scored_text
from cogitate.reward_models.judged import JudgedPair, pairs_from_judgements, to_judged
from cogitate.reward_models.learner import RewardLearner
from cogitate.reward_models.model import RewardCard, load_reward_model, reward_model_directory
from cogitate.reward_models.preferences import completion_of, messages_of
from cogitate.reward_models.reward import RewardModelReward
from cogitate.reward_models.training import measure, plain
from cogitate.tasks.columns import RowError
from cogitate.tasks.loading import BadRow, RawRow, SourceOptions, read_rows
from cogitate.text.tokenizer import Tokenizer


def load_reward_model_config(path: Path | str, overrides: Sequence[str] = ()) -> RewardModelConfig:
    """The settings of a reward model from a TOML file.

    Raises:
        ConfigError: the file cannot be read, or any of its settings is wrong.
    """
    source = read_source(path, overrides)
    table = with_default_kinds(source.table, RewardModelConfig)
    try:
        return RewardModelConfig.model_validate(table)
    except ValidationError as error:
        faults = sentences(error, table, RewardModelConfig)
    lines = [f"{source.place(key)}: {sentence}" for key, sentence in faults]
    raise ConfigError("\n".join(dict.fromkeys(lines)))


def score_file(
    model: str, source: str, out: Path, *, device: str, raw: bool, say: Callable[[str], None]
) -> dict[str, int]:
    """Score every row of a file and write them to ``out``; counts of rows.

    Raises:
        DataError: the model or the file cannot be used.
    """
    reward = RewardModelReward.load(
        model, bound="none" if raw else "tanh", device=resolve_device(device)
    )
    rows: list[dict[str, Any]] = []
    skipped: list[BadRow] = []
    for row in read_rows(source, SourceOptions()):
        try:
            rows.append({**_usable(row).values, **_rewards(reward, _usable(row).values)})
        except RowError as error:
            skipped.append(BadRow(number=row.number, reason=str(error)))
        if len(rows) % 200 == 199:
            say(f"{len(rows)} rows scored")
    if not rows:
        first = f" First: row {skipped[0].number}: {skipped[0].reason}." if skipped else ""
        raise DataError(f"{source}: none of {len(skipped)} rows can be scored.{first}")
    write_rows(out, rows)
    return {"scored": len(rows), "skipped": len(skipped)}


def _usable(row: RawRow | BadRow) -> RawRow:
    if isinstance(row, BadRow):
        raise RowError(row.reason)
    return row


def _rewards(reward: RewardModelReward, row: Mapping[str, Any]) -> dict[str, float | None]:
    """The rewards of a row under the names that they are written as."""
    if row.get("prompt") is None:
        raise RowError(f"no prompt among {sorted(row)}")
    names = {"chosen": "chosen_reward", "rejected": "rejected_reward"}
    if row.get("chosen") is None or row.get("rejected") is None:
        column = "completion" if row.get("completion") is not None else "response"
        if row.get(column) is None:
            raise RowError(f"neither completion nor chosen and rejected among {sorted(row)}")
        names = {column: "reward"}
    texts = [scored_text(completion_of(row[name]), reward.scores) or "" for name in names]
    values = reward.of_texts(messages_of(row["prompt"]), texts)
    return dict(zip(names.values(), values, strict=True))


def measure_file(model: str | Path, source: str, *, device: str) -> dict[str, Any]:
    """The figures of a reward model on the pairs or labels of a file.

    Raises:
        DataError: the model or the file cannot be used.
    """
    directory = reward_model_directory(model)
    card = RewardCard.read(directory)
    chat = reward_chat(Tokenizer.from_directory(directory), card.template)
    scorer = load_reward_model(directory, device=resolve_device(device))
    settings = {"kind": card.kind, "scores": card.scores, "data": {"path": source}}
    config = RewardModelConfig.model_validate(settings)
    items = evaluation_items(config, chat, longest=scorer.config.max_position)
    learner = RewardLearner(scorer, OptimizerConfig(), total_updates=1, pad_id=chat.pad_id)
    found = plain(measure(learner, items))
    return {"kind": card.kind, "scores": card.scores, "held_out": found}


def pairs_file(source: str, out: Path, *, min_gap: float) -> dict[str, Any]:
    """Write the pairs that a judge is sure of, in TRL's columns; counts of rows.

    Raises:
        DataError: the file cannot be read, or holds no judged pair.
    """
    judged: list[JudgedPair] = []
    faults: list[str] = []
    for found in _judged(source):
        if isinstance(found, JudgedPair):
            judged.append(found)
        else:
            faults.append(found)
    if not judged:
        first = f" First: {faults[0]}." if faults else ""
        raise DataError(f"{source}: none of {len(faults)} rows is a judged pair.{first}")
    pairs, counts = pairs_from_judgements(judged, min_gap=min_gap)
    write_rows(out, [
        {"prompt": [asdict(m) for m in pair.messages], "chosen": pair.chosen,
         "rejected": pair.rejected}
        for pair in pairs
    ])  # fmt: skip
    return {**asdict(counts), "skipped": len(faults)}


def _judged(source: str) -> Iterator[JudgedPair | str]:
    for row in read_rows(source, SourceOptions()):
        try:
            yield to_judged(_usable(row).values, row.number)
        except RowError as error:
            yield f"row {row.number}: {error}"
