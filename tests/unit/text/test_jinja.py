"""Chat templates as untrusted programs: ordinary ones work, hostile ones end early and clearly."""

import pytest

from cogitate.errors import DataError
from cogitate.text.jinja import (
    BASE_WORK,
    MAX_SOURCE_CHARS,
    WORK_PER_INPUT_CHAR,
    JinjaTemplate,
)

MESSAGES = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "  What is 2 + 2?  "},
    {"role": "assistant", "content": "<think>\n2 + 2\n</think>\n\n4"},
    {"role": "user", "content": "And 3 + 3?"},
]


def render(source: str, **variables: object) -> str:
    template = JinjaTemplate(source, name="test")
    return template.render(MESSAGES, add_generation_prompt=True, variables=variables)


class TestOrdinaryTemplates:
    @pytest.mark.parametrize(
        ("source", "text"),
        [
            ("{{ bos_token }}{{ messages[0].content }}", "<s>Be brief."),
            ("{{ messages[0]['role'] ~ 1 ~ none }}", "system1None"),
            ("{{ messages | length }}", "4"),
            ("{{ messages[1]['content'] | trim }}", "What is 2 + 2?"),
            ("{{ messages[2].content.split('</think>')[-1].strip() }}", "4"),
            ("{{ messages | map(attribute='role') | join('-') }}", "system-user-assistant-user"),
            ("{{ messages | selectattr('role', 'equalto', 'user') | list | length }}", "2"),
            ("{% for r in messages | map(attribute='role') %}{{ r[0] }}{% endfor %}", "suau"),
            ("{% for m in messages[1:] %}{{ loop.index0 }}{% endfor %}", "012"),
            ("{% for m in messages %}{{ loop.last }} {% endfor %}", "False False False True "),
            ("{% for m in messages if m.role == 'user' %}{{ loop.length }}{% endfor %}", "22"),
            ("{% for m in messages %}{% if loop.index > 1 %}{% break %}{% endif %}x{% endfor %}", "x"),
            ("{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}"
             "{% endfor %}{{ ns.n }}", "4"),
            ("{% macro tag(x) %}<{{ x }}>{% endmacro %}{{ tag('a') + tag('b') }}", "<a><b>"),
            ("{{ undefined_thing is defined }}", "False"),
            ("{{ tools | default('no tools') }}", "no tools"),
            ("{{ 'b' in ['a', 'b'] and 'a' != 'b' }}", "True"),
            ("{{ ['x', 'y'] | tojson }}", '["x", "y"]'),
            ("{{ {'a': '<é>'} | tojson }}", '{"a": "<é>"}'),
            ("{{ {'a': 1} | tojson(indent=2) }}", '{\n  "a": 1\n}'),
            ("{{ 'a-b' | replace('-', '+') }}{{ 'a-b'.replace('-', '') }}", "a+bab"),
            ("{{ '\n'.join(['a', 'b']) }}", "a\nb"),
            ("{{ 'a\nb' | indent(2) }}", "a\n  b"),
            ("{{ 7 % 2 }}{{ 2 ** 5 }}{{ 3 * 4 }}{{ 'ab' * 2 }}", "13212abab"),
            ("{% filter upper %}abc{% endfilter %}", "ABC"),
            ("{% generation %}kept{% endgeneration %}", "kept"),
            ("{% if add_generation_prompt %}go{% endif %}", "go"),
            ("{{ strftime_now('%d %b %Y') }}", "26 Jul 2024"),
            ("  {% if true %}\n  x\n  {% endif %}\n", "  x\n"),  # trim_blocks and lstrip_blocks
            ("{{ {'b': 1, 'a': 2} | dictsort | list }}", "[('a', 2), ('b', 1)]"),
            ("{{ 'hello world' | title }}{{ 3.7 | int }}", "Hello World3"),
        ],
    )  # fmt: skip
    def test_renders(self, source: str, text: str):
        assert render(source, bos_token="<s>") == text

    def test_a_conversation(self):
        source = (
            "{%- for message in messages %}\n"
            "    {{- '<|im_start|>' + message.role + '\\n' }}\n"
            "    {%- if message.role == 'assistant' and not loop.last %}\n"
            "        {{- message.content.split('</think>')[-1].lstrip('\\n') }}\n"
            "    {%- else %}\n"
            "        {{- message.content | trim }}\n"
            "    {%- endif %}\n"
            "    {{- '<|im_end|>\\n' }}\n"
            "{%- endfor %}\n"
            "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
        )
        assert render(source) == (
            "<|im_start|>system\nBe brief.<|im_end|>\n"
            "<|im_start|>user\nWhat is 2 + 2?<|im_end|>\n"
            "<|im_start|>assistant\n4<|im_end|>\n"
            "<|im_start|>user\nAnd 3 + 3?<|im_end|>\n"
            "<|im_start|>assistant\n"
        )

    def test_large_input_is_no_attack(self):
        long = "word " * 100_000
        template = JinjaTemplate(
            "{% for m in messages %}{{ m.content | trim | replace('a', 'b') }}{% endfor %}"
        )
        text = template.render([{"role": "user", "content": long}], add_generation_prompt=False)
        assert text == long.strip()

    def test_many_messages(self):
        many = [{"role": "user", "content": str(i)} for i in range(2000)]
        template = JinjaTemplate("{% for m in messages %}{{ m.content }},{% endfor %}")
        text = template.render(many, add_generation_prompt=False)
        assert text.count(",") == 2000

    def test_renderings_do_not_share_a_budget(self):
        template = JinjaTemplate("{% for i in range(20000) %}{% endfor %}x")
        rendered = [template.render(MESSAGES, add_generation_prompt=False) for _ in range(50)]
        assert rendered == ["x"] * 50
        assert BASE_WORK + WORK_PER_INPUT_CHAR * 500 < 50 * 20_000


BIG = "{% set a = 'x' * 100000 %}"
DOUBLING = (
    "{% set ns = namespace(v=START) %}{% for i in range(60) %}{% set ns.v = STEP %}{% endfor %}"
)


def doubling(start: str, step: str, use: str) -> str:
    return DOUBLING.replace("START", start).replace("STEP", step) + use


TOO_EXPENSIVE = {
    "nested loops": "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
    "nested output": "{% for i in range(9999) %}{% for j in range(9999) %}x{% endfor %}{% endfor %}",
    "long constant text": "{% for i in range(99999) %}" + "x" * 10_000 + "{% endfor %}",
    "inside a set block": "{% set y %}{% for i in range(99999) %}"
    + "x" * 1000
    + "{% endfor %}{% endset %}",
    "doubling by ~": doubling("'a'", "ns.v ~ ns.v", "{{ ns.v }}"),
    "doubling by +": doubling("'a'", "ns.v + ns.v", "{{ ns.v }}"),
    "a list of lists, printed": doubling("[1]", "[ns.v, ns.v]", "{{ ns.v }}"),
    "a list of lists, as JSON": doubling("[1]", "[ns.v, ns.v]", "{{ ns.v | tojson }}"),
    "lists of lists, compared": doubling("[1]", "[ns.v, ns.v]", "{{ ns.v == [ns.v] }}"),
    "a repeated string": "{{ 'a' * 10 ** 10 }}",
    "a repeated list": "{{ ([1] * 10 ** 9) | length }}",
    "a list of one large text": BIG + "{{ ([a] * 1000) | length }}",
    "replace": BIG + "{{ a.replace('x', a) }}",
    "the replace filter": BIG + "{{ a | replace('x', a) }}",
    "mapped replace": BIG + "{{ [a] | map('replace', 'x', a) | list }}",
    "join": BIG + "{{ a.join(a) }}",
    "the join filter": BIG + "{{ a | join(a) }}",
    "indent": "{{ ('x\n' * 100000) | indent(100000) }}",
    "macro recursion": "{% macro m(n) %}{% if n < 40 %}{{ m(n + 1) }}{{ m(n + 1) }}{% endif %}"
    "{% endmacro %}{{ m(0) }}",
    "slices": BIG + "{% for i in range(99999) %}{% if a[1:] %}{% endif %}{% endfor %}",
    "searches": BIG + "{% for i in range(99999) %}{% if 'y' in a %}{% endif %}{% endfor %}",
    "counting": BIG + "{% for i in range(99999) %}{% if a.count('y') %}{% endif %}{% endfor %}",
    "dates": "{{ strftime_now('%c' * 1000000) }}",
}
REFUSED = {
    "range": ("{% for i in range(10**9) %}{% endfor %}", "Range too big"),
    "python objects": ("{{ ''.__class__.__mro__ }}", "__class__.*unsafe"),
    "python globals": ("{{ messages.__init__.__globals__ }}", "__init__.*unsafe"),
    "changing the input": ("{{ messages.append(1) }}", "append.*unsafe"),
    "center": ("{{ 'a'.center(10**10) }}", "center.*unsafe"),
    "zfill": ("{{ 'a'.zfill(10**10) }}", "zfill.*unsafe"),
    "expandtabs": ("{{ '\t'.expandtabs(10**10) }}", "expandtabs.*unsafe"),
    "format": ("{{ '{:>9999999999}'.format(1) }}", "format.*unsafe"),
    "percent formatting": ("{{ '%09999999999d' % 1 }}", "formatting with %"),
    "huge powers": ("{{ 9 ** (9 ** 9) }}", "thousands of digits"),
    "huge products": ("{% set n = 2 ** 4000 %}{{ n * n }}", "thousands of digits"),
    "negative powers": ("{{ 2 ** -(10 ** 9) }}", "thousands of digits"),
    "wide JSON": ("{{ messages | tojson(indent=10**9) }}", "tojson indent"),
    "files": ("{% include '/etc/passwd' %}", "no loader"),
    "endless recursion": ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "recursion"),
    "recursive loop": ("{% for i in [1] recursive %}{{ loop([1]) }}{% endfor %}", "recursion"),
    "filler text": ("{{ lipsum(n=1000000) }}", "lipsum.*undefined"),
    "an unknown variable": ("{{ nothing.at.all }}", "nothing.*undefined"),
    "a loop over a number": ("{% for i in 5 %}{% endfor %}", "not iterable"),
    "division by zero": ("{{ 1 // 0 }}", "zero"),
}
UNCOMPILABLE = {
    "syntax": "{% for %}",
    "an unknown filter": "{{ 1 | nosuchfilter }}",
    "center filter": "{{ 'a' | center(10**10) }}",
    "format filter": "{{ '%0999999999d' | format(1) }}",
    "random filter": "{{ [1, 2] | random }}",
    "depth": "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "a huge number": "{{ " + "9" * 5000 + " }}",
}


@pytest.mark.parametrize("source", TOO_EXPENSIVE.values(), ids=TOO_EXPENSIVE)
def test_too_expensive(source: str):
    with pytest.raises(DataError, match="test: rendering 4 messages failed.*too much work"):
        render(source)


@pytest.mark.parametrize(("source", "reason"), REFUSED.values(), ids=REFUSED)
def test_refused(source: str, reason: str):
    with pytest.raises(DataError, match=reason):
        render(source)


@pytest.mark.parametrize("source", UNCOMPILABLE.values(), ids=UNCOMPILABLE)
def test_does_not_compile(source: str):
    with pytest.raises(DataError, match="test: the template does not compile"):
        JinjaTemplate(source, name="test")


def test_too_long_a_template():
    with pytest.raises(DataError, match=f"more than {MAX_SOURCE_CHARS}"):
        JinjaTemplate(" " * (MAX_SOURCE_CHARS + 1))


def test_too_long_an_output():
    long = [{"role": "user", "content": "x" * 1_000_000}]
    template = JinjaTemplate("{% for i in range(5) %}{{ messages[0].content }}{% endfor %}")
    with pytest.raises(DataError, match="output of 5000000 > 4194304 characters"):
        template.render(long, add_generation_prompt=False)


def test_a_template_may_refuse_a_conversation():
    source = "{{ raise_exception('roles must alternate') }}"
    with pytest.raises(DataError, match="the template says: roles must alternate. Check that"):
        render(source)


def test_the_verdict_does_not_depend_on_the_clock():
    source = TOO_EXPENSIVE["doubling by ~"]
    messages = []
    for _ in range(2):
        with pytest.raises(DataError) as caught:
            render(source)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]
