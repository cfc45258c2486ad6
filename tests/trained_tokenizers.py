"""Small tokenizers in the shapes that real model directories have, trained on a few lines."""

import json
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

LINES = [
    "Q: What is 12 + 30?\nA: 42\n",
    "Q: Which number is largest, 7 or 19?\nA: 19\n",
    "The reasoning process and the answer are enclosed within tags.\n",
    "User: What is the sum of 3 and 4? Assistant: the answer is 7.\n",
] * 4

CHATML = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content']"
    " + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
# In the manner of R1-Distill: bars are U+FF5C, old thinking is dropped, the prompt opens a new one.
R1_STYLE = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message['role'] == 'user' %}{{ '<\uff5cUser\uff5c>' + message['content'] }}{% endif %}"
    "{% if message['role'] == 'system' %}{{ message['content'] }}{% endif %}"
    "{% if message['role'] == 'assistant' %}{% set content = message['content'] %}"
    "{% if '</think>' in content %}{% set content = content.split('</think>')[-1] %}{% endif %}"
    "{{ '<\uff5cAssistant\uff5c>' + content + '<\uff5cend\u2581of\u2581sentence\uff5c>' }}"
    "{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<\uff5cAssistant\uff5c><think>\\n' }}{% endif %}"
)


def write_model_tokenizer(
    directory: Path,
    *,
    special: tuple[str, ...] = ("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
    added: tuple[str, ...] = (),
    bos: str | None = None,
    config: dict[str, Any] | None = None,
    generation_config: dict[str, Any] | None = None,
    chat_template: str | None = None,
) -> Path:
    """A trained byte-level BPE in a Hugging Face directory.

    ``special`` are special tokens, ``added`` ordinary added ones; ``bos`` is put before every text
    by the post-processor, as Llama does.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator(LINES, trainer)
    tokenizer.add_special_tokens(list(special))
    tokenizer.add_tokens([AddedToken(text, normalized=False) for text in added])
    if bos is not None:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", special_tokens=[(bos, tokenizer.token_to_id(bos))]
        )
    directory.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(directory / "tokenizer.json"))
    settings = {"eos_token": special[-1], "tokenizer_class": "PreTrainedTokenizerFast"}
    settings |= {"bos_token": bos} if bos is not None else {}
    (directory / "tokenizer_config.json").write_text(json.dumps(settings | (config or {})))
    if generation_config is not None:
        (directory / "generation_config.json").write_text(json.dumps(generation_config))
    if chat_template is not None:
        (directory / "chat_template.jinja").write_text(chat_template)
    return directory


def write_r1_tokenizer(directory: Path) -> Path:
    """As R1-Distill: turn markers that are not flagged special, a prompt that opens the thinking."""
    begin, end = (
        "<\uff5cbegin\u2581of\u2581sentence\uff5c>",
        "<\uff5cend\u2581of\u2581sentence\uff5c>",
    )
    return write_model_tokenizer(
        directory,
        special=(begin, end),
        added=("<\uff5cUser\uff5c>", "<\uff5cAssistant\uff5c>", "<think>", "</think>"),
        bos=begin,
        chat_template=R1_STYLE,
    )
