r"""Tokens of one expression as a tree. A grammar of values: what it does not know is refused.

Integrals, sums, limits and the like have no tree: an answer that leaves them to the reader is
not a value.
"""

import re
from fractions import Fraction

from cogitate.verifiers.maths.cursor import SYMBOLS, Cursor
from cogitate.verifiers.maths.notation import FUNCTIONS, is_number, is_text, is_whole, words
from cogitate.verifiers.maths.trees import Malformed, Node, TooLarge, Unevaluated, number

_EXPLICIT_CALL = "fghFGH"
_CONSTANTS = ("\\pi", "e", "i", "\\infty")
_DECORATIONS = words(r"\hat \bar \tilde \dot \ddot \overline \underline \widehat \widetilde")
_UNEVALUATED = words(
    r"""
    \int \iint \iiint \oint \sum \prod \lim \limsup \liminf \sup \inf \bigcup \bigcap \argmax
    \argmin \det \arg \partial
    """
)
_POSTFIX = ("^", "!", "\u00b0", "%")
_PREFIX = re.compile(r"(arcsin|arccos|arctan|sin|cos|tan|sqrt|ln|log|exp)(?=.)")
_STARTERS = (
    words(r"( [ { \frac \sqrt \binom \lfloor \lceil \| \lVert")
    | SYMBOLS
    | _DECORATIONS
    | frozenset(f"\\{name}" for name in FUNCTIONS)
)


def parse_expression(parts: list[str]) -> Node:
    """The tree of an expression that all of ``parts`` are.

    Raises:
        Malformed: they are none.
    """
    parser = _Parser(parts)
    try:
        node = parser.expression()
    except RecursionError:
        raise TooLarge("depth") from None
    if parser.at < len(parser.parts):
        raise Malformed(f"unexpected {parser.peek()[:20]}")
    return node


class _Parser(Cursor):
    """Recursive descent: expression, term, power, primary."""

    def expression(self) -> Node:
        self.deeper()
        terms = [self.term()]
        while (sign := self.peek()) in ("+", "-"):
            self.at += 1
            term = self.term()
            terms.append(("neg", term) if sign == "-" else term)
        self.depth -= 1
        return terms[0] if len(terms) == 1 else ("add", tuple(terms))

    def term(self) -> Node:
        negative = self.signs()
        factors = [self.mixed_number() or self.power()]
        while True:
            token = self.peek()
            if token == "*":
                self.at += 1
                factors.append(self.signed_power())
            elif token == "/":
                self.at += 1
                factors.append(("inv", self.signed_power()))
            elif self.starts_factor(token):
                factors.append(self.power())
            else:
                break
        node = factors[0] if len(factors) == 1 else ("mul", tuple(factors))
        return ("neg", node) if negative else node

    def signs(self) -> bool:
        negative = False
        while self.peek() in ("+", "-"):
            negative ^= self.peek() == "-"
            self.at += 1
        return negative

    def signed_power(self) -> Node:
        negative = self.signs()
        node = self.power()
        return ("neg", node) if negative else node

    def starts_factor(self, token: str) -> bool:
        if not token:
            return False
        if token == "|":
            return not self.bars
        if token in _UNEVALUATED:
            raise Unevaluated(token)
        if is_number(token):
            return not is_number(self.parts[self.at - 1])
        return (token[0].isalpha() and token not in ("and", "or")) or token in _STARTERS

    def mixed_number(self) -> Node | None:
        r"""``3 1/2`` and ``3\frac{1}{2}``: a whole number and a proper fraction of numbers."""
        if not is_whole(self.peek()):
            return None
        whole, start = self.peek(), self.at
        if is_whole(self.peek(1)) and self.peek(2) == "/" and is_whole(self.peek(3)):
            top, bottom = int(self.peek(1)), int(self.peek(3))
            self.at += 4
        elif self.peek(1) == "\\frac":
            self.at += 2
            frac = (self.argument(), self.argument())
            top, bottom = (node[1] if node[0] == "num" and node[2] is None else 0 for node in frac)
        else:
            return None
        if not 0 < top < bottom or self.peek() in ("^", "!", "_"):
            self.at = start
            return None
        return ("num", int(whole) + Fraction(top) / bottom, None)

    def power(self) -> Node:
        base, level = self.primary(), self.depth
        while True:
            token = self.peek()
            if token in _POSTFIX:
                self.deeper()
            if token == "^":
                self.at += 1
                base = ("pow", base, self.script())
            elif token == "!":
                self.at += 1
                name = "!"
                if self.peek() == "!":
                    self.at += 1
                    name = "!!"
                base = ("fn", name, (base,))
            elif token == "°":
                self.at += 1
                base = ("deg", base)
            elif token == "%":
                self.at += 1
                base = ("pct", base)
            else:
                self.depth = level
                return base

    def script(self, *, below: bool = False) -> Node:
        """An exponent, or what stands ``below``. 2^3^1 is malformed: a tower needs braces."""
        self.deeper()
        negative = self.signs()
        node = self.group() if self.peek() == "{" else self.primary(single=True)
        if self.peek() == "^" and not below:
            raise Malformed("double superscript")
        self.depth -= 1
        return ("neg", node) if negative else node

    def group(self) -> Node:
        self.take("{")
        node = self.expression()
        if self.peek() == "\\choose":
            self.at += 1
            node = ("fn", "binom", (node, self.expression()))
        self.take("}")
        return node

    def argument(self) -> Node:
        r"""What ``\frac`` takes: a group, or one digit, letter or command."""
        token = self.peek()
        if token == "{":
            return self.group()
        if token in ("(", "[", ""):
            raise Malformed("a command without braces")
        if is_whole(token) and len(token) > 1:
            self.parts[self.at] = token[1:]
            return number(token[0])
        return self.primary(single=True)

    def primary(self, *, single: bool = False) -> Node:
        token = self.peek()
        if not token:
            raise Malformed("ends too early")
        if is_number(token):
            return self.number()
        if token[0].isalpha():
            return self.word(token, single=single)
        self.at += 1
        if token == "(":
            return self.bracketed(")")
        if token == "[":
            return self.bracketed("]")
        if token == "{":
            self.at -= 1
            return self.group()
        if token == "|":
            return self.absolute("|")
        if token in ("\\|", "\\lVert"):
            return self.absolute("\\|" if token == "\\|" else "\\rVert")
        if token == "\\lfloor":
            return ("fn", "floor", (self.bracketed("\\rfloor"),))
        if token == "\\lceil":
            return ("fn", "ceil", (self.bracketed("\\rceil"),))
        if token[0] == "\\":
            return self.command(token, single=single)
        raise Malformed(f"unexpected {token[:20]}")

    def bracketed(self, closer: str) -> Node:
        bars, self.bars = self.bars, 0
        node = self.expression()
        self.take(closer)
        self.bars = bars
        return node

    def absolute(self, closer: str) -> Node:
        self.bars += 1
        node = self.expression()
        self.take(closer)
        self.bars -= 1
        return ("fn", "abs", (node,))

    def number(self) -> Node:
        token = self.peek()
        self.at += 1
        if self.peek() == "_":
            return self.based(token)
        if self.peek() in ("\\overline", "\\dot", "\\bar") and "." in token:
            return self.repeating(token)
        return number(token)

    def based(self, digits: str) -> Node:
        """Digits with a base, such as 4210_5; another writing of a number, compared as written."""
        self.at += 1
        return ("sym", f"{digits.lstrip('0')}_{self.subscript()}")

    def repeating(self, token: str) -> Node:
        r"""``0.1\overline{6}``."""
        self.at += 1
        period = self.subscript()
        if not is_whole(period) or len(period) > 50:
            raise Malformed("period")
        value = number(token)[1]
        shift = Fraction(1, 10 ** len(token.partition(".")[2]))
        return ("num", value + shift * Fraction(int(period), 10 ** len(period) - 1), None)

    def word(self, token: str, *, single: bool) -> Node:
        """A run of letters: a function, or a product of which the first factor is taken."""
        known = _PREFIX.match(token) if not single else None
        if token in ("sqrt", "cbrt", "abs") and self.peek(1) == "(":
            self.at += 2
            node = self.bracketed(")")
            if token == "abs":
                return ("fn", "abs", (node,))
            return ("pow", node, ("num", Fraction(1, 2 if token == "sqrt" else 3), None))
        if known and len(token) - known.end() <= 2 and known[1] != "sqrt":
            self.parts[self.at] = token[known.end() :]
            return self.function(known[1])
        if len(token) > 1:
            self.parts[self.at] = token[1:]
            return ("sym", token[0])
        self.at += 1
        return self.symbol(token, callable_=not single)

    def symbol(self, name: str, *, callable_: bool = True) -> Node:
        """A variable with subscript and primes, or a function applied to something simple."""
        while True:
            if self.peek() == "_":
                self.at += 1
                name += f"_{self.subscript()}"
            elif self.peek() == "'":
                self.at += 1
                name += "'"
            elif primes := self.raised_primes():
                name += primes
            else:
                break
        applied = callable_ and self.peek() == "(" and name not in _CONSTANTS
        if applied and (name[0] in _EXPLICIT_CALL or self.simple_arguments()):
            self.at += 1
            return ("call", name, self.arguments())
        return ("sym", name)

    def arguments(self) -> tuple[Node, ...]:
        """Arguments up to the closing bracket; the opening one is behind us."""
        bars, self.bars = self.bars, 0
        arguments = [self.expression()]
        while self.peek() == ",":
            self.at += 1
            arguments.append(self.expression())
        self.take(")")
        self.bars = bars
        return tuple(arguments)

    def command(self, token: str, *, single: bool) -> Node:
        name = token[1:]
        if token in ("\\frac", "\\sqrt", "\\binom"):
            self.deeper()
            node = self.built(token)
            self.depth -= 1
            return node
        if name in FUNCTIONS:
            return self.function(name)
        if token in SYMBOLS:
            return self.symbol(token, callable_=not single)
        if token in _DECORATIONS:
            return self.symbol(f"{token}{{{self.subscript()}}}")
        if token in _UNEVALUATED:
            raise Unevaluated(token)
        raise Malformed("words" if is_text(token) else f"unknown {token[:20]}")

    def built(self, token: str) -> Node:
        if token == "\\binom":
            return ("fn", "binom", (self.argument(), self.argument()))
        return self.fraction() if token == "\\frac" else self.root()

    def fraction(self) -> Node:
        start = self.at
        if (derivative := self.derivative()) is not None:
            return derivative
        self.at = start
        return ("frac", self.argument(), self.argument())

    def root(self) -> Node:
        index: Node = ("num", Fraction(2), None)
        if self.peek() == "[":
            self.at += 1
            index = self.bracketed("]")
        if self.peek() == "{":
            inside = self.group()
        elif is_number(self.peek() or "x"):
            inside = self.number()
        elif self.peek() in ("(", "[", ""):
            raise Malformed("a root without braces")
        else:
            inside = self.primary(single=True)
        return ("pow", inside, ("inv", index))

    def function(self, name: str) -> Node:
        base: Node | None = None
        exponent: Node | None = None
        while self.peek() in ("_", "^"):
            sign = self.peek()
            self.at += 1
            script = self.script(below=sign == "_")
            base, exponent = (script, exponent) if sign == "_" else (base, script)
        arguments = self.function_arguments()
        if name == "lg":
            name, base = "log", ("num", Fraction(10), None)
        if exponent == ("neg", ("num", Fraction(1), None)) and name[:2] != "ar":
            name, exponent = f"arc{name}", None
        if base is not None:
            arguments = (*arguments, base)
        node: Node = ("fn", name, arguments)
        return node if exponent is None else ("pow", node, exponent)

    def function_arguments(self) -> tuple[Node, ...]:
        """A bracket or group, else the factors that follow up to a sign or another function."""
        self.deeper()
        if self.peek() in ("(", "{"):
            self.at += 1
            closed = self.peek(-1) == "("
            arguments = self.arguments() if closed else (self.bracketed("}"),)
            self.depth -= 1
            return arguments
        factors = [self.power()]
        while self.starts_factor(self.peek()) and not self.starts_function():
            factors.append(self.power())
        self.depth -= 1
        return (factors[0] if len(factors) == 1 else ("mul", tuple(factors)),)

    def starts_function(self) -> bool:
        token = self.peek()
        return token in ("(", "[") or (token[1:] in FUNCTIONS and token[0] == "\\")
