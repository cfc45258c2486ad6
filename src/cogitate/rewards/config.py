"""Settings of the reward: which parts there are and what each of them weighs.

reward = sum over parts of weight * part
"""

import math
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cogitate.rewards.calling import Signature

FormatMode = Literal["strict", "lenient", "tags"]
TruncatedPolicy = Literal["score", "zero", "mask"]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class OverlongConfig(_Settings):
    """Soft punishment of completions that approach the token limit.

    Paper: DAPO (arXiv:2503.14476v1) eq. 13.
    """

    max_tokens: int = Field(gt=0)
    """L_max, tokens. The part is -1 beyond it. Usually sampling.max_tokens. DAPO: 20480."""
    cache: int = Field(gt=0)
    """L_cache, tokens. The part falls from 0 to -1 over the last so many. DAPO: 4096."""
    weight: float = 1.0
    """Weight of the part, which is in [-1, 0]."""

    @model_validator(mode="after")
    def _cache_fits(self) -> "OverlongConfig":
        if self.cache > self.max_tokens:
            raise ValueError(
                f"cache = {self.cache} is more than max_tokens = {self.max_tokens}, so even an "
                "empty completion would be punished. Set cache <= max_tokens."
            )
        return self


class CosineLengthConfig(_Settings):
    """A reward that depends on length and correctness: right answers are worth most when short,
    wrong ones cost least when long.

    Paper: "Demystifying Long Chain-of-Thought Reasoning" (arXiv:2502.03373). It replaces the
    accuracy part there, so set reward.accuracy = 0.0 to follow the paper. Lengths beyond
    ``max_tokens`` count as ``max_tokens``: the cosine does not come back up.
    """

    kind: Literal["cosine"]
    max_tokens: int = Field(gt=0)
    """Length at which the *_long values are reached, tokens."""
    correct_short: float = 1.0
    """Value of a right answer of length 0."""
    correct_long: float = 0.5
    """Value of a right answer of max_tokens."""
    wrong_short: float = -1.0
    """Value of a wrong answer of length 0."""
    wrong_long: float = -0.5
    """Value of a wrong answer of max_tokens."""
    weight: float = 1.0
    """Weight of the part."""


class TokenCostConfig(_Settings):
    """A constant cost per completion token."""

    kind: Literal["per_token"]
    cost: float = Field(gt=0.0)
    """Cost of one token; the part is -cost * tokens. A thousand tokens at 0.0001 cost 0.1."""
    weight: float = 1.0
    """Weight of the part."""


class RelativeLengthConfig(_Settings):
    """Length relative to the group: the shortest gets +0.5, the longest -0.5, wrong answers never
    more than 0.

    Paper: Kimi k1.5 (arXiv:2501.12599) section 2.3.3.
    """

    kind: Literal["relative"]
    weight: float = 1.0
    """Weight of the part, which is in [-0.5, 0.5]."""


LengthConfig = Annotated[
    CosineLengthConfig | TokenCostConfig | RelativeLengthConfig, Field(discriminator="kind")
]


class RepetitionConfig(_Settings):
    """Punishment of repeated n-grams of tokens; the part is -(1 - distinct / all)."""

    ngram: int = Field(default=20, ge=1)
    """Tokens in an n-gram. Short ones punish ordinary language."""
    weight: float = Field(default=1.0, ge=0.0)
    """Weight of the part, which is in (-1, 0]."""


class LanguageConfig(_Settings):
    """Share of the words of the thinking that are in the target language.

    R_lang = words in the target language / words, both of the thinking

    Paper: DeepSeek-R1 (arXiv:2501.12948v2) eq. 7, added to the other rewards in the second phase.
    How words are told apart is not published: see ``text/language.py``.
    """

    target: str = "question"
    """The language to think in, as a two-letter code such as "en"; "question" is that of the
    question, and English where that cannot be told."""
    without_words: float = Field(default=0.0, ge=0.0, le=1.0)
    """Value where the thinking has no words. With 1 an empty thinking counts as consistent, and
    policies have been seen to shrink to it."""
    weight: float = 1.0
    """Weight of the part, which is in [0, 1]."""


class ModelRewardConfig(_Settings):
    """A reward model, trained with ``cogitate reward-model train``."""

    path: str = Field(min_length=1)
    """Directory of the reward model."""
    name: str = Field(default="preference", pattern=r"^[a-z][a-z0-9_]*$")
    """Name of the part."""
    weight: float = 1.0
    """Weight of the part."""
    scores: Literal["summary", "whole"] = "summary"
    """What it reads. summary: what follows the thinking (helpfulness). whole: everything
    (harmlessness). Paper: DeepSeek-R1 section 2.3.4."""
    tasks: tuple[str, ...] = ()
    """Names of the tasks whose completions it scores; empty means all."""
    last_steps: int = Field(default=0, ge=0)
    """It counts only in so many last steps of the run, since a policy learns to please it without
    being better; 0 means always. Paper: 400 of 1,700 (arXiv:2501.12948v2 section 3.2.2)."""


class JudgeConfig(_Settings):
    """A language model that judges what rules cannot: a local one, or one behind an endpoint.

    A rule looks first (``verifiers/judged.py``); what it decides is never shown to the judge.
    """

    model: str = Field(min_length=1)
    """Name of the model at ``endpoint``; without an endpoint, a model directory or hub name."""
    endpoint: str = ""
    """Base address of an OpenAI-compatible server, such as "http://127.0.0.1:8000/v1". Questions,
    gold answers and completions are sent there. Empty: the model runs in this process."""
    key_env: str = Field(default="", pattern=r"^[A-Za-z0-9_]*$")
    """Name of the environment variable that holds the endpoint's key."""
    key_file: str = ""
    """File that holds the endpoint's key."""
    mode: Literal["correctness", "preference"] = "correctness"
    """correctness: 1 if the answer says what the gold answer says, else 0. preference: how much
    better it is than what it is compared with."""
    against: Literal["gold", "group"] = "gold"
    """preference: compare with the gold answer, or with the next completion of the group."""
    preference_values: tuple[float, float] = (3.0, 1.0)
    """preference: value of "much better" and "better"; worse is minus that, equal is 0. Both orders
    are asked and averaged. The paper publishes no values."""
    name: str = Field(default="judge", pattern=r"^[a-z][a-z0-9_]*$")
    """Name of the part."""
    weight: float = 1.0
    """Weight of the part."""
    max_share: float = Field(default=0.5, gt=0.0, le=1.0)
    """Largest share of the whole reward that judges may decide. Raise it knowingly."""
    scores: Literal["summary", "whole"] = "summary"
    """What it reads. summary: the final answer, or what follows the thinking. whole: everything."""
    tasks: tuple[str, ...] = ()
    """Names of the tasks whose completions it judges; empty means all."""
    last_steps: int = Field(default=0, ge=0)
    """It counts only in so many last steps of the run; 0 means always."""
    timeout: float = Field(default=60.0, gt=0.0, allow_inf_nan=False)
    """endpoint: seconds that one request may take."""
    attempts: int = Field(default=4, ge=1, le=20)
    """endpoint: tries of one request, with growing pauses."""
    concurrency: int = Field(default=4, ge=1, le=256)
    """endpoint: requests at the same time."""
    max_tokens: int = Field(default=1024, ge=16)
    """Tokens that the judge may write before its verdict."""
    canary_every: int = Field(default=200, ge=1)
    """After so many verdicts the judge is asked about answers that are known to be right and
    wrong, as it is before its first one. If it errs it is switched off."""

    @property
    def reach(self) -> float:
        """Largest change of the reward that this part can make one way."""
        return abs(self.weight) * (
            max(map(abs, self.preference_values)) if self.mode == "preference" else 1.0
        )

    @model_validator(mode="after")
    def _settings_fit(self) -> "JudgeConfig":
        if not self.endpoint and (self.key_env or self.key_file):
            raise ValueError("key_env and key_file need an endpoint. Set endpoint, or drop them.")
        if self.key_env and self.key_file:
            raise ValueError("key_env and key_file: name one place for the key.")
        much, better = self.preference_values
        if not 0.0 <= better <= much:
            raise ValueError(
                f"preference_values = [{much:g}, {better:g}]: expected [much better, better] with "
                "0 <= better <= much better."
            )
        return self


class CustomRewardConfig(_Settings):
    """A reward function of your own, in a Python file of your own."""

    path: str
    """``file.py:function``; a relative path starts at the working directory."""
    weight: float = 1.0
    """Weight of the part."""
    name: str = ""
    """Name of the part; the function's name if empty."""
    signature: Signature = "auto"
    """How it is called. auto decides by parameter names: ``completions`` is TRL,
    ``solution_str`` and ``ground_truth`` is verl, ``problem, completions`` first is our own."""
    messages: bool = False
    """TRL only: give prompts and completions as lists of messages, as for a conversational data
    set, instead of text."""
    each: bool = False
    """One call for each completion instead of one for the group, so that a call that fails masks
    one completion only. Not for functions that compare the completions of a group."""
    timeout: float | None = Field(default=None, gt=0.0, allow_inf_nan=False)
    """Seconds that one call may take. Default: 60 with isolate. Without isolate: no limit, in the
    thread of the trainer; with a number, in a thread that is given up but cannot be killed."""
    isolate: bool = False
    """Run it in processes of its own, which are killed and replaced when they hang, die or want
    too much memory."""
    workers: int = Field(default=1, ge=1, le=64)
    """With isolate: how many processes."""
    memory_mb: int = Field(default=2048, ge=64)
    """With isolate: address space of each process, MiB."""
    sandbox: bool = False
    """With isolate: no network and no files but the folder of its own file, which it can read.
    For functions that evaluate what the model wrote."""

    @property
    def call_seconds(self) -> float:
        """The limit of a call in a process of its own, seconds."""
        return 60.0 if self.timeout is None else self.timeout

    @model_validator(mode="after")
    def _isolation_is_asked_for(self) -> "CustomRewardConfig":
        # Compared with defaults: a resolved configuration, which states everything, is read back.
        fields = type(self).model_fields
        names = ("workers", "memory_mb", "sandbox")
        only = [name for name in names if getattr(self, name) != fields[name].default]
        if only and not self.isolate:
            raise ValueError(
                f"{', '.join(sorted(only))} without isolate has no effect. Set isolate = true."
            )
        return self

    @model_validator(mode="after")
    def _names_a_function(self) -> "CustomRewardConfig":
        file, colon, function = self.path.rpartition(":")
        if not colon or not file.endswith(".py") or not function.isidentifier():
            raise ValueError(
                f"path = {self.path!r}: expected file.py:function, such as 'rewards.py:brevity'."
            )
        return self


class RewardConfig(_Settings):
    """What a completion earns.

    Paper: DeepSeek-R1 (arXiv:2501.12948v1) section 2.2.2: accuracy and format, with equal weight
    in R1-Zero: set format = 1.0 with an r1_zero template. The paper does not publish the value of
    the format reward; ours is 1 or 0.
    """

    accuracy: float = 1.0
    """Weight of the verifier's verdict, which is in [0, 1]."""
    format: float = 0.0
    """Weight of the format part, which is in [0, 1]. R1-Zero: 1.0."""
    format_mode: FormatMode = "strict"
    """strict: 1 if exactly in the template's layout. lenient: text around the tags is allowed.
    tags: 0.25 for each of the four tags that occurs once and in order (open-r1)."""
    correct_needs_format: bool = False
    """Accuracy counts only for well-formed completions: right and well-formed, or 0."""
    truncated: TruncatedPolicy = "score"
    """Completions cut at sampling.max_tokens. score: like any other (R1). zero: their accuracy and
    format are 0. mask: they leave their group and train nothing (DAPO overlong filtering)."""
    overlong: OverlongConfig | None = None
    """Soft punishment near the token limit (DAPO)."""
    length: LengthConfig | None = None
    """A length reward: kind = cosine, per_token or relative."""
    repetition: RepetitionConfig | None = None
    """Punishment of repeated n-grams."""
    language: LanguageConfig | None = None
    """Language consistency of the thinking (R1's second phase)."""
    model: tuple[ModelRewardConfig, ...] = ()
    """Reward models for what rules cannot verify (R1's fourth phase)."""
    judge: tuple[JudgeConfig, ...] = ()
    """Language models that judge what rules cannot verify."""
    random: float = 0.0
    """Weight of a coin flip that knows nothing of the completion: the control experiment. Set
    accuracy = 0.0 beside it."""
    random_seed: int = 0
    """Seed of the coin flips."""
    custom: tuple[CustomRewardConfig, ...] = ()
    """Reward functions of your own."""

    @model_validator(mode="after")
    def _rewards_something(self) -> "RewardConfig":
        extras = (
            self.overlong, self.length, self.repetition, self.language, *self.model, *self.judge,
            *self.custom,
        )  # fmt: skip
        weights = [part.weight for part in extras if part is not None]
        if not any((self.accuracy, self.format, self.random, *weights)):
            raise ValueError(
                "every weight is 0, so all rewards are equal and nothing is learned. "
                "Set accuracy, format, random, length or custom."
            )
        return self

    @model_validator(mode="after")
    def _judges_have_their_share(self) -> "RewardConfig":
        """A judge can be talked into things, so it does not decide alone unless that is said."""
        judged = math.fsum(judge.reach for judge in self.judge)
        if not judged:
            return self
        extras = (
            self.overlong, self.length, self.repetition, self.language, *self.model, *self.custom
        )  # fmt: skip
        weights = [self.accuracy, self.format, self.random, *(p.weight for p in extras if p)]
        share = judged / (judged + math.fsum(map(abs, weights)))
        allowed = max(judge.max_share for judge in self.judge)
        if share > allowed + 1e-9:
            raise ValueError(
                f"judges decide {share:.0%} of the reward, and max_share allows {allowed:.0%}. "
                "Lower their weight, give other parts more, or raise max_share."
            )
        return self
