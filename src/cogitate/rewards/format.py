"""Rewards for how a completion is written, apart from whether it is right."""

from cogitate.rewards.config import FormatMode
from cogitate.text.think import Parsed, tag_fraction


def format_reward(parsed: Parsed, text: str, *, mode: FormatMode, prefilled: bool) -> float:
    """1.0 if well-formed, else 0.0; in mode "tags" a quarter for each tag in its place.

    ``parsed`` must come from the same mode ("tags" is read strictly). ``prefilled`` says that the
    prompt already held the first tag, which then counts as written.

    Paper: DeepSeek-R1 (arXiv:2501.12948v1) section 2.2.2 names the reward; its value is not
    published, 1 and 0 are ours. "tags" is open-r1's ``tag_count_reward``, made order-aware.
    """
    if mode == "tags":
        return tag_fraction(text, prefilled=prefilled)
    return float(parsed.format_ok)
