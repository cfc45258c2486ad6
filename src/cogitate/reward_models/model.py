"""A decoder with one number for a text in place of logits, and its directory on disk.

The directory has the layout of Hugging Face's ``...ForSequenceClassification`` with one label
(``model.*`` and ``score.weight``), so transformers and vLLM load it too; ``reward_model.json``
beside it says what the number means.
"""

import json
import math
import shutil
from dataclasses import asdict, dataclass, field, fields, replace
from itertools import product
from pathlib import Path
from typing import Any, Literal, get_args

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from cogitate.errors import DataError
from cogitate.models.config import ModelConfig
from cogitate.models.directory import check_replaceable, replace_directory
from cogitate.models.hf_config import read_config, read_json, to_hf_config
from cogitate.models.packing import pack
from cogitate.models.transformer import Transformer
from cogitate.models.weights import (
    COMPANIONS,
    INDEX_FILE,
    Slot,
    read_tensors,
    tensor_slots,
    write_tensors,
)
from cogitate.schema import TokenBatch

Kind = Literal["helpfulness", "safety"]
Scores = Literal["summary", "whole"]

CARD_FILE = "reward_model.json"
FORMAT = 1
ARCHITECTURES = {
    "llama": "LlamaForSequenceClassification",
    "qwen2": "Qwen2ForSequenceClassification",
    "qwen3": "Qwen3ForSequenceClassification",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardCard:
    """What the scores of a saved reward model mean.

    ``scores`` says which text the model was trained on: the final summary, or the whole completion.
    ``centre`` and ``spread`` are mean and standard deviation of the scores on the training texts: a
    pairwise loss leaves the mean open, so a score means something only relative to them.
    ``max_tokens`` limited prompt and completion in training. ``training`` is for people.
    """

    kind: Kind
    scores: Scores
    template: str
    centre: float = 0.0
    spread: float = 1.0
    max_tokens: int = 8192
    training: dict[str, Any] = field(default_factory=dict[str, Any])

    def to_json(self) -> dict[str, Any]:
        """The contents of ``reward_model.json``."""
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def read(cls, directory: Path) -> "RewardCard":
        """The card of a reward model's directory.

        Raises:
            DataError: there is none, or it cannot be used.
        """
        path = Path(directory) / CARD_FILE
        if not path.is_file():
            raise DataError(
                f"{directory}: no {CARD_FILE}, so this is no reward model of cogitate. Train one "
                "with: cogitate reward-model train CONFIG"
            )
        values = read_json(path)
        if values.pop("format", None) != FORMAT:
            raise DataError(f"{path}: another format than {FORMAT}. Upgrade cogitate.")
        names = {f.name for f in fields(cls)}
        if not {"kind", "scores", "template"} <= values.keys() <= names:
            raise DataError(f"{path}: has {sorted(values)}, expected {sorted(names)}.")
        if (values["kind"], values["scores"]) not in product(get_args(Kind), get_args(Scores)):
            raise DataError(
                f"{path}: kind = {values['kind']!r}, scores = {values['scores']!r}. Known: "
                "helpfulness or safety, summary or whole."
            )
        for name in ("centre", "spread"):
            number = values.get(name, 1.0)
            if not isinstance(number, int | float) or not math.isfinite(number):
                raise DataError(f"{path}: {name} = {number!r}, expected a number.")
        return cls(**values)


class RewardModel(Transformer):
    """A decoder and ``score``: the number w . h of the last token's final-normed hidden state h.

    Paper: DeepSeek-R1 (arXiv:2501.12948v2) section 3.1: the policy's architecture with a scalar
    head. The head starts at 0, so at first no text is preferred and a pairwise loss is ln 2.
    """

    def __init__(self, config: ModelConfig) -> None:
        # Tied, because there are no logits: an untied head would be dead weight.
        super().__init__(replace(config, tie_embeddings=True))
        self.declared = config
        self.score = nn.Linear(config.hidden_size, 1, bias=False)
        nn.init.zeros_(self.score.weight)

    def features(self, batch: TokenBatch) -> Float[Tensor, "N d"]:
        """The last token's hidden state of every row; rows that share a prompt share its work."""
        layout = pack(batch)
        last = batch.attention_mask.sum(dim=1) - 1
        place = layout.place.gather(1, last[:, None])[:, 0]
        hidden = self.hidden(layout.to(self.device))
        return hidden.index_select(0, place.to(self.device))

    def read(self, features: Float[Tensor, "N d"]) -> Float[Tensor, " N"]:
        """Scores of features, in float32."""
        return F.linear(features.float(), self.score.weight.float())[:, 0]

    def scores(self, batch: TokenBatch) -> Float[Tensor, " N"]:
        """The score of every row."""
        return self.read(self.features(batch))


def reward_model_directory(path: Path | str) -> Path:
    """The directory of a reward model: ``path`` itself, or ``final`` inside it when it is the run
    directory of a training."""
    directory = Path(path).expanduser()
    final = directory / "final"
    is_run = not (directory / CARD_FILE).is_file() and (final / CARD_FILE).is_file()
    return final if is_run else directory


def reward_slots(config: ModelConfig) -> dict[str, Slot]:
    """Hugging Face tensor names of a reward model, as ``models.weights.tensor_slots``."""
    slots = tensor_slots(replace(config, tie_embeddings=True))
    slots["score.weight"] = Slot(parameter="score.weight", start=0, shape=(1, config.hidden_size))
    return slots


def from_language_model(
    directory: Path, *, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu"
) -> RewardModel:
    """A reward model with the weights of a language model and a head of zeros.

    Raises:
        DataError: the directory is incomplete or damaged, as for ``models.weights.load_model``.
    """
    directory = Path(directory)
    config = read_config(directory)
    tied = replace(config, tie_embeddings=True)
    state = read_tensors(directory, tied, tensor_slots(tied), dtype=dtype, device=device)
    state["score.weight"] = torch.zeros(1, config.hidden_size, dtype=dtype, device=device)
    return _assemble(config, state)


def load_reward_model(
    directory: Path, *, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu"
) -> RewardModel:
    """The model of a directory that ``save_reward_model`` or transformers wrote.

    Raises:
        DataError: the directory is incomplete or damaged.
    """
    directory = Path(directory)
    config = read_config(directory)
    tied = replace(config, tie_embeddings=True)
    slots = reward_slots(config)
    return _assemble(config, read_tensors(directory, tied, slots, dtype=dtype, device=device))


def _assemble(config: ModelConfig, state: dict[str, Tensor]) -> RewardModel:
    with torch.device("meta"):
        model = RewardModel(config)
    model.load_state_dict(state, assign=True)
    return model


def save_reward_model(
    model: RewardModel,
    directory: Path,
    *,
    card: RewardCard,
    source: Path,
    pad_id: int,
    shard_bytes: int = 5_000_000_000,
) -> None:
    """Write a directory with weights, config.json, the card, and the files of ``source``.

    ``source`` is the directory of the language model: tokenizer and chat template come from there.
    ``directory`` is replaced as a whole once everything is on the disk.

    Raises:
        DataError: ``directory`` holds files that are no part of a model.
    """
    directory, source = Path(directory), Path(source)
    dtype = model.score.weight.dtype
    config = to_hf_config(
        model.declared, source=_source_config(source), dtype=str(dtype).removeprefix("torch.")
    )
    config |= {
        "architectures": [ARCHITECTURES[model.declared.family]],
        "id2label": {"0": card.kind},
        "label2id": {card.kind: 0},
        "pad_token_id": pad_id,  # transformers finds the last token as the last that is no padding
    }
    check_replaceable(directory, allowed=_is_reward_file)
    with replace_directory(directory) as fresh:
        _write_json(fresh / "config.json", config)
        _write_json(fresh / CARD_FILE, card.to_json())
        for name in COMPANIONS:
            if (source / name).is_file():
                shutil.copyfile(source / name, fresh / name)
        parameters = dict(model.named_parameters())
        slots = reward_slots(model.declared)
        write_tensors(parameters, slots, fresh, dtype=dtype, shard_bytes=shard_bytes)


def _source_config(source: Path) -> dict[str, Any] | None:
    path = source / "config.json"
    return read_json(path) if path.is_file() else None


def _is_reward_file(name: str) -> bool:
    known = (*COMPANIONS, "config.json", CARD_FILE, "README.md", INDEX_FILE)
    return name in known or name.endswith(".safetensors")


def _write_json(path: Path, value: dict[str, Any]) -> None:
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")
