"""Chat templates are code from strangers: run in Jinja's sandbox, and on a budget.

Jinja's own sandbox stops a template from reaching Python objects and from ``range(10**9)``, but
not from nesting ten short loops or doubling a string forty times. So every loop item, every
character that is output, joined, compared or passed to a filter is paid from one budget per
rendering, set by the size of the input. The accounting is woven into the parsed template, so no
clock, signal or thread is needed and the verdict is the same on every machine.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from contextvars import ContextVar
from datetime import datetime
from functools import wraps
from typing import Any, ClassVar

import jinja2
from jinja2 import nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from cogitate.errors import DataError

MAX_SOURCE_CHARS = 256 * 1024
MAX_OUTPUT_CHARS = 4 * 1024 * 1024
BASE_WORK, WORK_PER_INPUT_CHAR = 500_000, 200
CALL_WORK, ITEM_WORK = 50, 5  # about what they cost, in characters copied
MAX_INT_BITS = 4096

# Prompts must be the same tomorrow, or a resumed run is another run: "today" is fixed.
FIXED_DATE = datetime(2024, 7, 26)

_FORBIDDEN_STR_METHODS = frozenset(
    ("format", "format_map", "expandtabs", "translate", "center", "ljust", "rjust", "zfill")
)
_FORBIDDEN_FILTERS = (
    *("attr", "batch", "center", "filesizeformat", "format", "pprint", "random", "slice"),
    *("striptags", "urlize", "wordwrap", "xmlattr"),
)
_TEMPLATE_FAULTS = (
    *(jinja2.TemplateError, ArithmeticError, AttributeError, LookupError, MemoryError),
    *(RecursionError, SyntaxError, TypeError, ValueError),
)


class JinjaTemplate:
    """A compiled chat template.

    Raises:
        DataError: it does not compile, or uses something a chat template has no use for.
    """

    def __init__(self, source: str, *, name: str = "chat template") -> None:
        self.name = name
        if len(source) > MAX_SOURCE_CHARS:
            raise DataError(
                f"{name}: {len(source)} characters of template, more than {MAX_SOURCE_CHARS}."
            )
        try:
            tree = _Meter().visit(_ENVIRONMENT.parse(source))
            tree.set_environment(_ENVIRONMENT)
            code = _ENVIRONMENT.compile(tree)
            self._template = jinja2.Template.from_code(_ENVIRONMENT, code, _ENVIRONMENT.globals)
        except _TEMPLATE_FAULTS as error:
            raise DataError(f"{name}: the template does not compile: {error}") from error

    def render(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        add_generation_prompt: bool,
        variables: Mapping[str, Any] | None = None,
    ) -> str:
        """The conversation as text. ``variables`` holds bos_token, tools and the like.

        Raises:
            DataError: the template refuses these messages, or breaks, or is too expensive.
        """
        values = {**(variables or {}), "messages": messages}
        budget = _Budget(10**9)
        budget.charge(values)
        work = BASE_WORK + WORK_PER_INPUT_CHAR * (10**9 - budget.left)
        token = _CURRENT.set(_Budget(work))
        try:
            text = self._template.render(**values, add_generation_prompt=add_generation_prompt)
        except _TEMPLATE_FAULTS as error:
            reason = str(error).rstrip(".")
            raise DataError(
                f"{self.name}: rendering {len(messages)} messages failed: {reason}. "
                "Check that roles and order are what this template expects, or use another one."
            ) from error
        finally:
            _CURRENT.reset(token)
        if len(text) > MAX_OUTPUT_CHARS:
            raise DataError(f"{self.name}: output of {len(text)} > {MAX_OUTPUT_CHARS} characters.")
        return text


class _Budget:
    """Work that a rendering may still do, in characters or items."""

    def __init__(self, work: int) -> None:
        self.left = work

    def spend(self, work: int) -> None:
        self.left -= work
        if self.left < 0:
            raise SecurityError("the template does too much work for its input")

    def charge(self, value: object) -> None:
        """Pay for a value and all it contains; a value shared many times is paid many times."""
        pending, left = [value], self.left
        while pending and left >= 0:
            item = pending.pop()
            left -= ITEM_WORK
            if isinstance(item, str | bytes):
                left -= len(item)
            elif isinstance(item, Mapping):
                pending.extend(item.keys())
                pending.extend(item.values())
            elif isinstance(item, list | tuple | set | frozenset):
                pending.extend(item)
        self.left = left
        self.spend(0)


_CURRENT: ContextVar[_Budget] = ContextVar("template_budget")


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's sandbox without the functions that turn a small number into a large string."""

    intercepted_binops = frozenset(("+", "*", "**", "%"))

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if isinstance(obj, str | bytes) and attr in _FORBIDDEN_STR_METHODS:
            return False
        return super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> None:
        """``str.format`` has no safe form here: leave it to ``is_safe_attribute``."""

    def call(self, context: Any, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        budget, owner = _CURRENT.get(), getattr(obj, "__self__", None)
        budget.spend(CALL_WORK)
        budget.charge((args, kwargs))
        if isinstance(owner, str | bytes):
            budget.spend(len(owner))
            if obj.__name__ == "replace":
                _charge_replace(budget, owner, *args[:2])
            elif obj.__name__ == "join" and args:
                args = (_charge_join(budget, args[0], owner), *args[1:])
        result = super().call(context, obj, *args, **kwargs)
        budget.charge(result)
        return result

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        budget = _CURRENT.get()
        if operator == "%" and isinstance(left, str | bytes):
            raise SecurityError("string formatting with % is not available")
        if operator in ("+", "%"):
            budget.spend(_size(left) + _size(right))
        elif isinstance(left, Sized) or isinstance(right, Sized):
            repeated, times = (left, right) if isinstance(left, Sized) else (right, left)
            budget.spend(len(repeated) * max(times, 1) if isinstance(times, int) else 1)
        elif isinstance(left, int) and isinstance(right, int):
            bits = left.bit_length() + right.bit_length()
            if operator == "**":
                bits = left.bit_length() * abs(right)
            if bits > MAX_INT_BITS:
                raise SecurityError("a number with thousands of digits")
        return super().call_binop(context, operator, left, right)


class _GenerationTag(Extension):
    """``{% generation %}`` marks assistant text for training masks; for rendering it is nothing."""

    tags: ClassVar[set[str]] = {"generation"}

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class _Meter(NodeTransformer):
    """Weaves the accounting into a parsed template."""

    def visit_For(self, node: nodes.For) -> nodes.For:
        self.generic_visit(node)
        node.iter = _through("metered_items", node.iter)
        return node

    def visit_Output(self, node: nodes.Output) -> nodes.Output:
        self.generic_visit(node)
        node.nodes = [_through("metered", part) for part in node.nodes]
        return node

    def visit_TemplateData(self, node: nodes.TemplateData) -> nodes.Const:
        return nodes.Const(node.data, lineno=node.lineno)

    def visit_Compare(self, node: nodes.Compare) -> nodes.Compare:
        self.generic_visit(node)
        node.expr = _through("metered", node.expr)
        for operand in node.ops:
            operand.expr = _through("metered", operand.expr)
        return node

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Getitem:
        self.generic_visit(node)
        if isinstance(node.arg, nodes.Slice):
            node.node = _through("metered_items", node.node)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Expr:
        self.generic_visit(node)
        return _through("metered_concat", node.nodes[0], *node.nodes[1:])


def _through(filter_name: str, value: Any, *args: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(value, filter_name, list(args), [], None, None, lineno=value.lineno)


def _metered(value: Any) -> Any:
    if isinstance(value, str):
        _CURRENT.get().spend(ITEM_WORK + len(value))
    else:
        _CURRENT.get().charge(value)
    return value


def _metered_items(values: Any) -> Any:
    if isinstance(values, Sized):
        _CURRENT.get().spend(ITEM_WORK * (1 + len(values)))
        return values
    return _metered_iterator(values) if isinstance(values, Iterable) else values


def _metered_iterator(values: Iterable[Any]) -> Iterator[Any]:
    budget = _CURRENT.get()
    for value in values:
        budget.spend(ITEM_WORK)
        yield value


def _metered_concat(*values: Any) -> str:
    _CURRENT.get().charge(values)
    return "".join(map(str, values))


def _metered_filter(name: str, function: Any) -> Any:
    """A built-in filter that pays for its arguments before and for its result after."""
    hidden = 1 if hasattr(function, "jinja_pass_arg") else 0  # environment or context comes first

    @wraps(function)
    def metered(*args: Any, **kwargs: Any) -> Any:
        budget, inner, (value, *rest) = _CURRENT.get(), args[:hidden], args[hidden:]
        budget.charge((value, rest, kwargs))
        if name == "replace":
            old, new = (*rest, *kwargs.values())[:2]
            _charge_replace(budget, str(value), str(old), str(new))
        elif name == "join":
            value = _charge_join(budget, value, (*rest, *kwargs.values(), "")[0])
        elif name == "indent":
            width = (*rest, *kwargs.values(), 4)[0]
            budget.spend(str(value).count("\n") * (width if isinstance(width, int) else 1))
        result = function(*inner, value, *rest, **kwargs)
        budget.charge(result)
        return result

    return metered


def _charge_join(budget: _Budget, values: Any, separator: Any) -> list[Any]:
    items = []
    for value in values:
        budget.charge((value, separator))
        items.append(value)
    return items


def _charge_replace(budget: _Budget, text: Any, old: Any = "", new: Any = "") -> None:
    matches = text.count(old) if isinstance(old, type(text)) else 0
    budget.spend(len(text) + matches * _size(new))


def _size(value: Any) -> int:
    return len(value) if isinstance(value, Sized) else 1


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """JSON as in transformers: Jinja's own filter would escape < and > for HTML."""
    if indent is not None and not 0 <= indent <= 16:
        raise SecurityError(f"tojson indent {indent}")
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
    )


def _raise_exception(message: str) -> None:
    raise jinja2.TemplateError(f"the template says: {message}")


def _strftime_now(pattern: str) -> str:
    return FIXED_DATE.strftime(pattern)


def _environment() -> _Sandbox:
    environment = _Sandbox(
        trim_blocks=True,
        lstrip_blocks=True,
        optimized=False,  # the optimiser evaluates constant expressions, unmetered, to compile
        extensions=["jinja2.ext.loopcontrols", _GenerationTag],
    )
    for name in _FORBIDDEN_FILTERS:
        del environment.filters[name]
    environment.filters["tojson"] = _to_json
    for name, function in list(environment.filters.items()):
        environment.filters[name] = _metered_filter(name, function)
    environment.filters |= {
        "metered": _metered,
        "metered_items": _metered_items,
        "metered_concat": _metered_concat,
    }
    del environment.globals["lipsum"]
    environment.globals |= {
        "raise_exception": _raise_exception,
        "strftime_now": _strftime_now,
    }
    return environment


_ENVIRONMENT = _environment()
