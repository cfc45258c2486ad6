"""From a preference file to items: split by content, cut, encoded, and with lengths controlled."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from cogitate.errors import DataError
from cogitate.reward_models.config import RewardModelConfig
from cogitate.reward_models.encoding import Encoder, Tokens, scored_text
from cogitate.reward_models.learner import Item
from cogitate.reward_models.lengths import balanced, length_coefficient, log_ratio, matched
from cogitate.reward_models.preferences import (
    Labelled,
    Preference,
    PreferenceRows,
    held_out,
    read_labelled,
    read_preferences,
)
from cogitate.tasks.hashing import hash64
from cogitate.text.chat import Chat

Row = Preference | Labelled


@dataclass(frozen=True, slots=True, kw_only=True)
class DataCounts:
    """What became of the rows of a file.

    ``unusable`` could not be read, ``nothing_to_score`` had an empty summary, ``too_long`` did not
    fit ``max_tokens``, ``dropped_by_length`` went to the length control. ``longer_won`` is the
    share of training pairs of different lengths whose longer completion won, before the control.
    """

    rows: int
    unusable: int
    repeated: int
    nothing_to_score: int
    too_long: int
    dropped_by_length: int
    train: int
    held_out: int
    first_fault: str = ""
    longer_won: float | None = None
    length_coefficient: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardData:
    """Items to learn from and items to measure on."""

    train: tuple[Item, ...]
    held_out: tuple[Item, ...]
    counts: DataCounts

    def digest(self) -> str:
        """A hash of everything that is learnt from."""
        hasher = hashlib.blake2b(digest_size=16)
        for item in self.train:
            hasher.update(repr(asdict(item)).encode())
        return hasher.hexdigest()


def prepare(config: RewardModelConfig, chat: Chat, *, longest: int) -> RewardData:
    """The data of a configuration; ``longest`` is what the model has positions for, in tokens.

    Raises:
        DataError: a file cannot be read, or nothing is left to learn from.
    """
    read = _read(config, config.data.path)
    if config.data.held_out_path is None:
        train_rows = [row for row in read.rows if not held_out(row)]
        test_rows = [row for row in read.rows if held_out(row)]
    else:
        train_rows = list(read.rows)
        test_rows = list(_read(config, config.data.held_out_path).rows)
    encode = _ItemEncoder(config, Encoder(chat=chat), min(config.max_tokens, longest))
    train = _sample(encode.items(train_rows, "train"), config)
    test = encode.items(test_rows, "held_out")
    kept, longer_won, coefficient = _controlled(train, config)
    counts = DataCounts(
        rows=len(read.rows) + len(read.faults) + read.repeated,
        unusable=len(read.faults),
        repeated=read.repeated,
        nothing_to_score=encode.nothing_to_score,
        too_long=encode.too_long,
        dropped_by_length=len(train) - len(kept),
        train=len(kept),
        held_out=len(test),
        first_fault=f"row {read.faults[0].number}: {read.faults[0].reason}" if read.faults else "",
        longer_won=longer_won,
        length_coefficient=coefficient,
    )
    if not kept:
        raise DataError(
            f"{config.data.path}: no row is left to learn from: {counts.unusable} unusable, "
            f"{counts.nothing_to_score} with nothing to score, {counts.too_long} too long, "
            f"{counts.dropped_by_length} dropped by length.data = {config.length.data!r}, "
            f"{len(test)} held out. The model reads {longest} tokens. Change data.path, max_tokens "
            "or length.data."
        )
    return RewardData(train=tuple(kept), held_out=tuple(test), counts=counts)


def evaluation_items(config: RewardModelConfig, chat: Chat, *, longest: int) -> tuple[Item, ...]:
    """All rows of ``data.path`` that fit into ``longest`` tokens as items to measure on.

    Raises:
        DataError: the file cannot be read, or no row of it can be scored.
    """
    encode = _ItemEncoder(config, Encoder(chat=chat), longest)
    items = encode.items(_read(config, config.data.path).rows, "row")
    if not items:
        raise DataError(
            f"{config.data.path}: no row can be scored: {encode.nothing_to_score} have nothing to "
            f"score, {encode.too_long} are longer than {longest} tokens."
        )
    return tuple(items)


def _read(config: RewardModelConfig, path: str) -> PreferenceRows:
    return read_preferences(path) if config.kind == "helpfulness" else read_labelled(path)


class _ItemEncoder:
    """Rows to items, counting those that are none."""

    def __init__(self, config: RewardModelConfig, encoder: Encoder, longest: int) -> None:
        self.config = config
        self.encoder = encoder
        self.longest = longest
        self.nothing_to_score = 0
        self.too_long = 0

    def items(self, rows: Sequence[Row], prefix: str) -> list[Item]:
        """The items of some rows, in order."""
        found = [self._item(row, f"{prefix}/{row.number}") for row in rows]
        return [item for item in found if item is not None]

    def _item(self, row: Row, name: str) -> Item | None:
        pair = isinstance(row, Preference)
        texts = (row.chosen, row.rejected) if pair else (row.completion,)
        completions: list[Tokens] = []
        for text in texts:
            cut = scored_text(text, self.config.scored)
            if cut is None:
                self.nothing_to_score += 1
                return None
            completions.append(self.encoder.completion(cut))
        item = Item(
            name=name,
            prompt=self.encoder.prompt(row.messages),
            completions=tuple(completions),
            safe=None if pair else row.safe,
        )
        if item.longest > self.longest:
            self.too_long += 1
            return None
        return item


def _sample(items: list[Item], config: RewardModelConfig) -> list[Item]:
    limit = config.data.max_rows
    if limit is None or len(items) <= limit:
        return items
    chosen = sorted(items, key=lambda item: hash64("sample", config.seed, item.name))[:limit]
    names = {item.name for item in chosen}
    return [item for item in items if item.name in names]


def _controlled(
    items: list[Item], config: RewardModelConfig
) -> tuple[list[Item], float | None, float]:
    """Items under the length control, the share of longer winners before it, the coefficient."""
    if config.kind == "safety":
        return items, None, 0.0
    ratios = [log_ratio(*item.lengths) for item in items]
    different = [ratio for ratio in ratios if ratio]
    longer_won = sum(r > 0 for r in different) / len(different) if different else None
    settings = config.length
    kept = list(range(len(items)))
    if settings.data == "balanced":
        kept = balanced(ratios, seed=config.seed)
    elif settings.data == "matched":
        kept = matched(ratios, tolerance=settings.tolerance)
    coefficient = length_coefficient([ratios[i] for i in kept]) if settings.offset else 0.0
    return (
        [replace(items[i], offset=coefficient * ratios[i]) for i in kept],
        longer_won,
        coefficient,
    )
