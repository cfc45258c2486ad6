"""The process of the tests: it runs them, and reaches the submission only through messages.

No code of the submission ever runs here, so an assertion means what it says: what comes back from
a call has been rebuilt from plain data, with Python's own equality and nothing overridden.

It talks to the parent in lines of JSON on stdout, which what the tests print does not reach.
"""

import builtins
import json
import os
import sys
from _frozen_importlib_external import SourceFileLoader

from cogitate.verifiers.programs.inside.values import (
    Handle,
    ListNode,
    TreeNode,
    Unplain,
    decode,
    encode,
    list_node,
    tree_node,
)

# Errors that tests make by themselves, whatever a function returned.
OWN_FAULTS = (NameError, ImportError, SyntaxError)


class Parent:
    """The other end of stdin and stdout."""

    def __init__(self) -> None:
        self.requests, self.out = os.fdopen(os.dup(0), "rb"), os.dup(1)
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, 0)
        os.dup2(nowhere, 1)
        self.calls = 0
        self.raised: list[BaseException] = []

    def tell(self, **message: object) -> None:
        data = json.dumps(message).encode() + b"\n"
        while data:
            data = data[os.write(self.out, data) :]

    def ask(self, call: str) -> dict:
        data = (call + "\n").encode()
        while data:
            data = data[os.write(self.out, data) :]
        self.calls += 1
        line = self.requests.readline()
        if not line:
            os._exit(1)
        return json.loads(line)


class Ended(BaseException):
    """The process of the submission has ended; no test can expect that."""


class Remote:
    """A function of the submission, by path; calling it runs it in its own process."""

    def __init__(self, parent: Parent, path: str, changes, opaque: bool = False) -> None:
        self._parent, self._path, self._changes, self._opaque = parent, path, changes, opaque
        self.__name__ = path

    def __call__(self, *args, **named):
        written = ",".join(map(encode, args))
        pairs = ",".join(f"{json.dumps(name)}:{encode(value)}" for name, value in named.items())
        more = ',"opaque":true' if self._opaque else ""
        if self._changes is not None and not self._opaque:
            more += f',"changed":{json.dumps(self._changes)}'
        call = f'"call":{json.dumps(self._path)},"args":[{written}],"named":{{{pairs}}}{more}'
        said = self._parent.ask(f"{{{call}}}")
        if "value" not in said:
            raise self._error(said)
        value = decode(said["value"])
        if self._changes is not None and not self._opaque:
            changed = self._changes
            _copy_back(named[changed] if isinstance(changed, str) else args[changed], value)
        return value

    def _error(self, said: dict) -> BaseException:
        if said["fault"] == "ended":
            error: BaseException = Ended(said["reason"])
        elif said["fault"] == "unplain":
            error = Unplain(said["reason"])
        else:
            found = (getattr(builtins, name, None) for name in said.get("kinds", ()))
            kinds = [k for k in found if isinstance(k, type) and issubclass(k, Exception)]
            error = (kinds or [Exception])[0](said["reason"])
        self._parent.raised.append(error)
        return error

    def __getattr__(self, name: str) -> "Remote":
        if name.startswith("__"):
            raise AttributeError(name)
        return Remote(self._parent, f"{self._path}.{name}", self._changes)


def _copy_back(target, value) -> None:
    """What the function made of its argument, for tests that look at the argument."""
    if isinstance(target, list):
        target[:] = value
    elif isinstance(target, dict | set):
        target.clear()
        target.update(value)


class RemoteClass:
    """The class of a method: an object of it stays in the process of the submission."""

    def __init__(self, parent: Parent, name: str, changes) -> None:
        self._parent, self._name, self._changes = parent, name, changes

    def __call__(self) -> Remote:
        return Remote(self._parent, self._name + "()", self._changes)


class Case:
    """``with case(k):`` around the statements of one test case."""

    def __init__(self, parent: Parent, number: int) -> None:
        self.parent, self.number = parent, number

    def __enter__(self) -> None:
        self.before = self.parent.calls
        self.parent.tell(begin=self.number)

    def __exit__(self, kind, error, trace) -> bool:
        self.parent.tell(
            end=self.number,
            outcome=_outcome(self.parent, error),
            reason="" if error is None else f"{kind.__name__}: {_text(error)}",
            calls=self.parent.calls - self.before,
        )
        return True


def _text(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]


def _outcome(parent: Parent, error: BaseException | None) -> str:
    if error is None:
        return "passed"
    if any(error is raised for raised in parent.raised):
        return "raised"
    if isinstance(error, AssertionError):
        return "failed"
    return "broken" if isinstance(error, OWN_FAULTS) else "error"


def same_list(left: object, right: object) -> bool:
    """Whether two linked lists hold the same values."""
    return _shape(left) == _shape(right)


def _shape(node: object) -> str:
    return encode(None if isinstance(node, Handle) else node)


def _names(parent: Parent, setup: dict) -> dict:
    """What the tests find defined: the function under its names, and helpers for nodes."""
    entry, changes = setup["entry"], setup["changes"]
    names: dict = {name: Remote(parent, name, None, opaque=True) for name in setup["opaque"]}
    first = entry.split(".")[0]
    if first.endswith("()"):
        names[first[:-2]] = RemoteClass(parent, first[:-2], changes)
    else:
        names[first] = Remote(parent, first, changes)
    names["candidate"] = names[setup["candidate"]] = Remote(parent, entry, changes)
    names[setup["case"]] = lambda number: Case(parent, number)
    return names


def main() -> None:
    """Run setup.py, then tests.py in the same namespace."""
    parent = Parent()
    with open("setup.json", "rb") as file:
        setup = json.load(file)
    module = type(sys)("tests")
    sys.modules["tests"] = module
    module.__dict__.update(
        ListNode=ListNode,
        TreeNode=TreeNode,
        list_node=list_node,
        tree_node=tree_node,
        is_same_list=same_list,
        is_same_tree=same_list,
    )
    try:
        SourceFileLoader("tests", "setup.py").exec_module(module)
        module.__dict__.update(_names(parent, setup))
        SourceFileLoader("tests", "tests.py").exec_module(module)
    except BaseException as error:  # noqa: BLE001  whatever the data set's set-up does
        own = isinstance(error, OWN_FAULTS) or not parent.calls
        parent.tell(stopped=f"{type(error).__name__}: {_text(error)}", own=own)
    else:
        parent.tell(done=parent.calls)
    os._exit(0)


if __name__ == "__main__":
    main()
