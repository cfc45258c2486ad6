"""The reward for thinking in one language, that of the question."""

from cogitate.rewards.config import LanguageConfig


def language_reward(think: str | None, question: str, config: LanguageConfig) -> float:
    """Share of the thinking's words in the target language, in [0, 1].

    A completion without a thinking section has no words, so it gets ``config.without_words``.

    Paper: DeepSeek-R1 (arXiv:2501.12948v2) eq. 7.
    """
    from cogitate.text.language import detect_language, language_consistency

    target = config.target
    if target == "question":
        target = detect_language(question) or "en"
    share = language_consistency(think or "", target)
    return config.without_words if share is None else share
