"""The reward for thinking in one language, that of the question."""

from cogitate.rewards.config import LanguageConfig
from cogitate.text.language import detect_language, language_consistency


def language_reward(think: str | None, question: str, config: LanguageConfig) -> float:
    """Share of the thinking's words in the target language, in [0, 1].

    A completion without words in its thinking gets ``config.without_words``.

    Paper: DeepSeek-R1 (arXiv:2501.12948v2) eq. 7.
    """
    target = config.target
    if target == "question":
        target = detect_language(question) or "en"
    return language_consistency(think or "", target, empty=config.without_words)
