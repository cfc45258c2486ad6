"""The process of the submission: loads it, calls its function, says what came back.

Nothing here is trusted by anybody. All that a submission can gain by taking this process apart is
to say itself what its function returned, and it can do that by returning it. What must never be
here is what the tests expect.

Requests are lines on stdin, answers lines on stdout that begin with the nonce of the first request.
"""

import posix
import sys
from _frozen_importlib_external import SourceFileLoader
from _json import make_scanner

from cogitate.verifiers.programs.inside.values import (
    ListNode,
    TreeNode,
    Unplain,
    decode,
    encode,
    handle,
)

SUBMISSION = "submission"
_exit, _write = posix._exit, posix.write

# What LeetCode's editor supplies: names that a submission may use without importing them.
PRELUDE = {
    "typing": "Any Callable DefaultDict Deque Dict FrozenSet Generator Iterable Iterator List "
    "Mapping NamedTuple Optional Sequence Set Tuple TypeVar Union",
    "collections": "ChainMap Counter OrderedDict defaultdict deque namedtuple",
    "functools": "cache cached_property cmp_to_key lru_cache partial reduce singledispatch wraps",
    "itertools": "accumulate chain combinations combinations_with_replacement compress count cycle "
    "dropwhile groupby islice pairwise permutations product repeat starmap takewhile tee "
    "zip_longest",
    "math": "ceil comb cos e exp factorial floor gcd hypot inf isqrt lcm log log10 log2 perm pi "
    "prod sin sqrt tan",
    "heapq": "heapify heappop heappush heappushpop heapreplace merge nlargest nsmallest",
    "bisect": "bisect_left bisect_right insort insort_left insort_right",
    "operator": "add and_ attrgetter itemgetter mul or_ sub xor",
    "string": "ascii_letters ascii_lowercase ascii_uppercase digits punctuation",
    "random": "choice randint randrange shuffle",
    "copy": "deepcopy",
    "dataclasses": "dataclass field",
    "decimal": "Decimal",
    "fractions": "Fraction",
}
# "import x" for these, where x is used.
MODULES = (
    "array bisect calendar collections copy datetime decimal fractions functools heapq itertools "
    "json math operator os random re statistics string sys time typing"
)


class _Context:
    """What the C scanner of the json package asks for."""

    strict, object_hook, object_pairs_hook, memo = True, None, None, {}
    parse_float, parse_int, parse_constant = float, int, float


_scan = make_scanner(_Context())  # pyright: ignore[reportArgumentType]


class Submission:
    """The submission's module, loaded when first needed, and the objects only it knows."""

    def __init__(self, prelude: bool) -> None:
        self.prelude = prelude
        self.module = None
        self.bound: dict = {}
        self.objects: list = []

    def load(self) -> None:
        loader = SourceFileLoader(SUBMISSION, SUBMISSION + ".py")
        module = type(sys)(SUBMISSION)
        module.__file__ = SUBMISSION + ".py"
        sys.modules[SUBMISSION] = module
        code = loader.get_code(SUBMISSION)
        if self.prelude:
            _supply(module.__dict__, _names(code))
        self.module = module
        loader.exec_module(module)

    def find(self, path: str):
        """The value of "name", "Name.name" or "Name().name"; one instance per class."""
        if path not in self.bound:
            first, *rest = path.split(".")
            value = self._attribute(self.module, first)
            for name in rest:
                value = self._attribute(value, name)
            self.bound[path] = value
        return self.bound[path]

    def _attribute(self, owner, name: str):
        if name.endswith("()"):
            if name not in self.bound:
                self.bound[name] = getattr(owner, name[:-2])()
            return self.bound[name]
        return getattr(owner, name)

    def known(self, name):
        if isinstance(name, int):
            return self.objects[name]
        return getattr(self.module, name, {"ListNode": ListNode, "TreeNode": TreeNode}[name])

    def keep(self, value) -> int:
        self.objects.append(value)
        return len(self.objects) - 1

    def call(self, request: dict) -> str:
        function = self.find(request["call"])
        args = [decode(item, self.known) for item in request["args"]]
        named = {name: decode(item, self.known) for name, item in request["named"].items()}
        value = function(*args, **named)
        changed = request.get("changed")
        if changed is not None:
            value = named[changed] if isinstance(changed, str) else args[changed]
        if request.get("opaque"):
            return f'{{"value":{handle(self.keep(value), type(value).__name__)}}}'
        return f'{{"value":{encode(value, self.keep)}}}'


def _names(code) -> set:
    names = set(code.co_names)
    for constant in code.co_consts:
        if type(constant) is type(code):
            names |= _names(constant)
    return names


def _supply(namespace: dict, used: set) -> None:
    """Import what is used of the prelude, and only that."""
    for name, value in (("ListNode", ListNode), ("TreeNode", TreeNode)):
        if name in used:
            namespace[name] = value
    for module, names in PRELUDE.items():
        for name in used.intersection(names.split()):
            namespace[name] = getattr(__import__(module), name)
    for module in used.intersection(MODULES.split()):
        namespace[module] = __import__(module)


def _said(fault: str, error: BaseException) -> str:
    try:
        text = str(error)[:200]
    except BaseException:  # noqa: BLE001  the submission's own exception class
        text = ""
    kinds = [kind.__name__ for kind in type(error).__mro__]
    return f'{{"fault":"{fault}","kinds":{encode(kinds)},"reason":{encode(text)}}}'


def _result(submission: Submission, line: bytes) -> str:
    fault = "compile"
    try:
        request, _ = _scan(line.decode(), 0)
        try:
            if submission.module is None:
                submission.load()
        except SyntaxError:
            raise
        except BaseException:
            fault = "load"
            raise
        fault = "missing"
        submission.find(request["call"])
        fault = "raised"
        return submission.call(request)
    except Unplain as error:
        return _said("unplain", error)
    except BaseException as error:  # noqa: BLE001  whatever the submission does
        return _said(fault, error)


def main() -> None:
    """Answer requests until there are no more. What the submission prints goes nowhere."""
    requests, out = open(posix.dup(0), "rb"), posix.dup(1)  # noqa: SIM115  open to the end
    nowhere = posix.open("/dev/null", posix.O_RDWR)
    posix.dup2(nowhere, 0)
    posix.dup2(nowhere, 1)
    sys.path += [f"{posix.getcwd()}/{folder}" for folder in sys.argv[1:]]
    sys.argv[:] = [SUBMISSION + ".py"]
    head, _ = _scan(requests.readline().decode(), 0)
    nonce = head["nonce"]
    submission = Submission(head["prelude"])
    _send(out, nonce + '{"ready":true}\n')
    for line in requests:
        _send(out, nonce + _result(submission, line) + "\n")
    _exit(0)


def _send(out: int, text: str) -> None:
    data = text.encode("ascii")
    while data:
        data = data[_write(out, data) :]


if __name__ == "__main__":
    main()
