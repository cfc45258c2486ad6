"""The same ids, texts and prompts as ``transformers``, which we do not use at run time."""

from pathlib import Path

import pytest

from cogitate.schema import Message, Problem
from cogitate.text.chat import Chat
from cogitate.text.jinja import JinjaTemplate
from cogitate.text.tokenizer import Tokenizer
from trained_tokenizers import CHATML, LINES, R1_STYLE, write_model_tokenizer, write_r1_tokenizer

transformers = pytest.importorskip("transformers")

MESSAGES = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "What is 12 + 30?\n\n  <b>&amp; 'x' \"y\"</b>"},
    {"role": "assistant", "content": "<think>\n12 + 30\n</think>\n\n42"},
    {"role": "user", "content": "日本語 🙂 and 3 + 4?"},
]
TEXTS = [*LINES[:4], "", " leading", "trailing \n", "日本語 🙂", "tab\tand  blanks", "1234567890"]
# In the manner of templates in use: macros, namespaces, loop controls, tojson, tool lists.
RICH = """
{%- macro turn(message) -%}
    <|im_start|>{{ message.role }}
{{ message.content | trim }}<|im_end|>
{% endmacro -%}
{%- set ns = namespace(last_user=-1) -%}
{%- for message in messages -%}
    {%- if message.role == "user" -%}{%- set ns.last_user = loop.index0 -%}{%- endif -%}
{%- endfor -%}
{%- if tools is defined and tools %}{{ tools | tojson }}{% endif -%}
{%- if messages[0].role == "system" %}{{ turn(messages[0]) }}{% endif -%}
{%- for message in messages -%}
    {%- if message.role == "system" -%}{%- continue -%}{%- endif -%}
    {%- if message.role == "assistant" and loop.index0 < ns.last_user -%}
        {{- '<|im_start|>assistant\n' + message.content.split('</think>')[-1].lstrip('\\n') -}}
        {{- '<|im_end|>\n' -}}
    {%- else -%}
        {{- turn(message) -}}
    {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}<|im_start|>assistant
<think>
{% endif -%}
"""


@pytest.fixture(scope="module", params=["chatml", "r1"])
def directory(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp(request.param)
    if request.param == "r1":
        return write_r1_tokenizer(path)
    return write_model_tokenizer(
        path,
        added=("<think>", "</think>"),
        config={"pad_token": "<|endoftext|>"},
        chat_template=CHATML,
    )


def test_ids_and_text(directory: Path):
    ours = Tokenizer.from_directory(directory)
    theirs = transformers.AutoTokenizer.from_pretrained(directory)
    for text in TEXTS:
        ids = theirs(text, add_special_tokens=False)["input_ids"]
        assert ours.encode(text) == ids
        assert ours.decode(ids) == theirs.decode(ids) == text
    marked = "".join(ours.marker_strings)
    assert ours.encode_with_special(marked) == theirs(marked, add_special_tokens=False)["input_ids"]
    assert ours.eos_id == theirs.eos_token_id
    assert list(ours.prefix_ids) == theirs("")["input_ids"]


def test_prompts(directory: Path):
    chat = Chat(Tokenizer.from_directory(directory), "chat")
    theirs = transformers.AutoTokenizer.from_pretrained(directory)
    messages = tuple(Message(role=m["role"], content=m["content"]) for m in MESSAGES)  # type: ignore[arg-type]
    prompt = chat.render_prompt(Problem(id="x", task="t", messages=messages, answer=None))
    text = theirs.apply_chat_template(MESSAGES, tokenize=False, add_generation_prompt=True)
    assert prompt.text == text
    assert list(prompt.token_ids) == theirs(text, add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize("source", [RICH, CHATML, R1_STYLE], ids=["rich", "chatml", "r1"])
@pytest.mark.parametrize("reply_next", [True, False])
@pytest.mark.parametrize("tools", [None, [{"name": "f", "args": {"x": "<é>"}}]], ids=["", "tools"])
def test_rendering(directory: Path, source: str, reply_next: bool, tools: list | None):
    theirs = transformers.AutoTokenizer.from_pretrained(directory)
    expected = theirs.apply_chat_template(
        MESSAGES,
        tools=tools,
        chat_template=source,
        tokenize=False,
        add_generation_prompt=reply_next,
    )
    variables = {"tools": tools, "bos_token": theirs.bos_token or ""}
    ours = JinjaTemplate(source).render(
        MESSAGES, add_generation_prompt=reply_next, variables=variables
    )
    assert ours == expected
