"""What of a completion a reward model reads, as text and as tokens.

Paper: DeepSeek-R1 (arXiv:2501.12948v1) section 2.3.4: helpfulness looks at the final summary only,
harmlessness at the whole completion, reasoning included.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cogitate.reward_models.model import Scores
from cogitate.schema import Message, Problem
from cogitate.text.chat import Chat
from cogitate.text.templates import get_template
from cogitate.text.think import cut_at_turn_end, has_visible_text, split_think
from cogitate.text.tokenizer import Tokenizer

Tokens = tuple[int, ...]


def scored_text(completion: str, scores: Scores, *, prefilled: bool = False) -> str | None:
    """The part of a completion that is scored, or None when there is none.

    "summary": what follows the last ``</think>``; all of a completion that never thinks; nothing of
    one that never stops thinking. "whole": all of it. What follows the end of the turn never
    counts. ``prefilled`` says that the prompt already opened ``<think>``.

    >>> scored_text("<think>no</think> Yes.<|im_end|>No.", "summary")
    'Yes.'
    >>> scored_text("<think>no", "summary"), scored_text("<think>no", "whole")
    (None, '<think>no')
    """
    text = cut_at_turn_end(completion)
    if scores == "summary":
        text = split_think(text, prefilled=prefilled)[1] or ""
    return text.strip() if has_visible_text(text) else None


def reward_chat(tokenizer: Tokenizer, template: str) -> Chat:
    """Tokenizer and template; "auto" is the model's own chat template if it has one, else qa."""
    if template == "auto":
        template = "chat" if tokenizer.chat_templates else "qa"
    return Chat(tokenizer, get_template(template))


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoder:
    """Conversation and scored text to tokens; the score is read at the end token."""

    chat: Chat

    def prompt(self, messages: Sequence[Message]) -> Tokens:
        """The conversation up to the reply.

        Raises:
            DataError: the template cannot write these turns.
        """
        problem = Problem(id="reward", task="reward", messages=tuple(messages), answer=None)
        return self.chat.render_prompt(problem).token_ids

    def completion(self, text: str) -> Tokens:
        """The reply with an end token, whatever the template: it is where the score is read."""
        token_ids = self.chat.completion_ids(text)
        ended = self.chat.template.ends_with_eos
        return token_ids if ended else (*token_ids, self.chat.tokenizer.eos_id)
