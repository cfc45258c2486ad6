"""Sentences when something is off, each a pure function of the recent rows of ``metrics.jsonl``.

A rule looks at the newest row and the ones before it and returns one sentence, with what it saw
and what to do, or None. Thresholds are ours, set so that a healthy run hears nothing but the note
about the loss.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median

Row = Mapping[str, float]
Rule = Callable[[Sequence[Row]], str | None]

WINDOW = 5
"""Rows that a rule averages over; it is silent until there are as many."""
QUIET_STEPS = 25
"""Steps before the same rule speaks again."""
MEMORY = 200
"""Rows kept, the first few of the run among them."""


def _recent(rows: Sequence[Row], name: str, count: int = WINDOW) -> list[float]:
    """The last ``count`` values of a metric; empty unless all of the last rows have it."""
    values = [row.get(name) for row in rows[-count:]]
    present = [value for value in values if value is not None]
    return present if len(present) == count else []


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.0f} %"


def _steps(rows: Sequence[Row]) -> int:
    return int(rows[-1].get("step", len(rows)))


def all_wrong(rows: Sequence[Row]) -> str | None:
    """Most groups have no right answer, so there is nothing to prefer."""
    values = _recent(rows, "group/all_wrong_fraction")
    if not values or _mean(values) < 0.75:
        return None
    return (
        f"{_percent(_mean(values))} of groups are all wrong, so they teach nothing about accuracy: "
        "lower the difficulty of the tasks, raise grpo.group_size, or start with algorithm = "
        '"sft" for a few steps.'
    )


def all_right(rows: Sequence[Row]) -> str | None:
    """Most groups have only right answers: learnt, or too easy."""
    values = _recent(rows, "group/all_right_fraction")
    if not values or _mean(values) < 0.75:
        return None
    return (
        f"{_percent(_mean(values))} of groups are all right: these problems are learnt. Raise the "
        'difficulty of the tasks, set grpo.uninformative_groups = "resample", or stop here.'
    )


def uninformative(rows: Sequence[Row]) -> str | None:
    """Most groups have equal rewards, some of them right and some wrong."""
    values = _recent(rows, "group/uninformative_fraction")
    if not values or _mean(values) < 0.85 or all_wrong(rows) or all_right(rows):
        return None
    return (
        f"{_percent(_mean(values))} of groups have equal rewards and therefore no advantage: mix "
        "problems of middling difficulty, or raise grpo.group_size."
    )


def zero_loss(rows: Sequence[Row]) -> str | None:
    """The loss reads 0 although the policy learns: said once, because everyone asks."""
    losses = _recent(rows, "policy/loss", 1)
    norms = _recent(rows, "policy/grad_norm", 1)
    if not losses or not norms or abs(losses[0]) > 1e-6 or norms[0] <= 0.0:
        return None
    return (
        f"loss {losses[0]:.0e} is expected here: advantages average to zero within a group, so "
        "with one update per step the loss is zero and its gradient is not "
        f"(grad norm {norms[0]:.2g}). Watch reward and held-out accuracy instead."
    )


def truncated(rows: Sequence[Row]) -> str | None:
    """Completions end at the token limit instead of at their own end."""
    values = _recent(rows, "completion/truncated_fraction")
    if not values or _mean(values) < 0.3:
        return None
    return (
        f"{_percent(_mean(values))} of completions are cut at sampling.max_tokens and cannot "
        "answer after that: raise it, or check that the template's end is one the model writes."
    )


def entropy_collapse(rows: Sequence[Row]) -> str | None:
    """The policy hardly varies any more while it is still wrong."""
    entropies = _recent(rows, "policy/entropy")
    rewards = _recent(rows, "reward/accuracy")
    if not entropies or not rewards or _mean(entropies) > 0.02 or _mean(rewards) > 0.9:
        return None
    return (
        f"entropy is down to {_mean(entropies):.3f} nats per token at "
        f"{_percent(_mean(rewards))} accuracy: all samples of a problem look alike, so learning "
        "has stopped. Lower optimizer.learning_rate, raise grpo.loss.clip_high, or set "
        "grpo.loss.kl_coef."
    )


def no_format(rows: Sequence[Row]) -> str | None:
    """The format reward has never been earned."""
    values = _recent(rows, "reward/format", 3 * WINDOW)
    if not values or max(row.get("reward/format") or 0.0 for row in rows) > 0.0:
        return None
    return (
        f"no completion has followed the template's format in {_steps(rows)} steps, so the format "
        "reward cannot teach it: choose a simpler template (template.name), or show the format "
        'first with algorithm = "sft".'
    )


def verifier_errors(rows: Sequence[Row]) -> str | None:
    """Answers that could not be verified: they leave before the group mean."""
    values = _recent(rows, "reward/verifier_error", 1)
    if not values or values[0] < 0.01:
        return None
    named = {
        name.removeprefix("masked/"): value or 0.0
        for name, value in rows[-1].items()
        if name.startswith("masked/") and name not in ("masked/truncated", "masked/aborted")
    }
    causes = ", ".join(f"{name} {_percent(share)}" for name, share in named.items())
    return (
        f"{_percent(values[0])} of rewards are verifier errors ({causes or 'cause unknown'}), "
        'which are left out, not counted as wrong. Their text is under "error" in the rollouts of '
        "this step."
    )


def skipped_updates(rows: Sequence[Row]) -> str | None:
    """Updates left out because a gradient was not finite."""
    values = _recent(rows, "policy/skipped_nonfinite", 1)
    if not values or values[0] <= 0.0:
        return None
    return (
        "an update was skipped because its gradient was not finite. Once is harmless; if it comes "
        'back, lower optimizer.learning_rate or use model.dtype = "float32".'
    )


def length_collapse(rows: Sequence[Row]) -> str | None:
    """Completions have become much shorter than they were, and not better."""
    lengths = _recent(rows, "completion/length_mean")
    rewards = _recent(rows, "reward/mean")
    if not lengths or not rewards or len(rows) < 3 * WINDOW:
        return None
    first = [
        row["completion/length_mean"] for row in rows[:WINDOW] if "completion/length_mean" in row
    ]
    before = [row["reward/mean"] for row in rows[:WINDOW] if "reward/mean" in row]
    if not first or not before or _mean(lengths) > 0.25 * _mean(first):
        return None
    if _mean(rewards) > _mean(before):
        return None
    return (
        f"completions shrank from {_mean(first):.0f} to {_mean(lengths):.0f} tokens without a "
        "higher reward: check that the reward does not favour short answers (reward.length, "
        "reward.overlong), and look at the newest rollouts."
    )


def gradient_spike(rows: Sequence[Row]) -> str | None:
    """The gradient is far larger than it usually is."""
    norms = [row["policy/grad_norm"] for row in rows if row.get("policy/grad_norm") is not None]
    if len(norms) < 2 * WINDOW or not _recent(rows, "policy/grad_norm", 1):
        return None
    usual = median(norms[:-1][-20:])
    if norms[-1] < 10.0 * usual or usual <= 0.0:
        return None
    return (
        f"the gradient norm jumped to {norms[-1]:.2g} from a usual {usual:.2g}. It is clipped to "
        "optimizer.max_grad_norm; if reward falls in the next steps, lower optimizer.learning_rate."
    )


def engine_mismatch(rows: Sequence[Row]) -> str | None:
    """The engine that samples and the trainer disagree about the same tokens."""
    values = _recent(rows, "engine/mismatch_nats", 1)
    if not values or abs(values[0]) < 0.02:
        return None
    return (
        f"engine and trainer differ by {abs(values[0]):.3f} nats per token on the same weights, so "
        'ratios are off. Set grpo.old_logprobs = "recompute", or engine.kernels = "torch".'
    )


RULES: tuple[Rule, ...] = (
    skipped_updates,
    verifier_errors,
    all_wrong,
    all_right,
    uninformative,
    truncated,
    no_format,
    entropy_collapse,
    length_collapse,
    gradient_spike,
    engine_mismatch,
    zero_loss,
)
_ONCE = (zero_loss,)


class Adviser:
    """Feeds rows to the rules and lets each speak at most once in ``QUIET_STEPS`` steps."""

    def __init__(self, rules: Iterable[Rule] = RULES) -> None:
        self._rules = tuple(rules)
        self._rows: list[Row] = []
        self._spoke_at: dict[Rule, int] = {}
        self._fed = 0

    def feed(self, row: Row) -> list[str]:
        """Take in the newest row; return the sentences that are due."""
        self._rows.append(row)
        if len(self._rows) > MEMORY:  # the first rows stay: rules compare with the beginning
            del self._rows[WINDOW]
        self._fed += 1
        sentences: list[str] = []
        for rule in self._rules:
            if self._may_speak(rule) and (sentence := rule(self._rows)) is not None:
                self._spoke_at[rule] = self._fed
                sentences.append(sentence)
        return sentences

    def _may_speak(self, rule: Rule) -> bool:
        last = self._spoke_at.get(rule)
        if last is None:
            return True
        return rule not in _ONCE and self._fed - last >= QUIET_STEPS
