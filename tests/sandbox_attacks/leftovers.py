"""Programs that end and want to leave something behind, and programs that forge how they ended."""

from cogitate.sandbox import Outcome
from sandbox_attacks.corpus import Attack, limited, tries

DAEMON = """\
import os, sys, time
if os.fork():
    os.wait()
    print('done', flush=True)
    os._exit(0)
os.setsid()
if os.fork():
    os._exit(0)
"""

ATTACKS = (
    Attack(
        name="daemon",
        code=DAEMON
        + "for number in range(3): os.close(number)\nwhile True:\n    time.sleep(0.1)\n    open('alive', 'w').close()",
        output=b"done\n",
        exit_code=0,
        quick=True,
    ),
    Attack(
        name="daemon_that_keeps_the_output_open",
        code=DAEMON + "while True: time.sleep(60)",
        output=b"done\n",
        exit_code=0,
    ),
    Attack(
        name="daemon_that_ignores_signals",
        code=DAEMON
        + (
            "import signal\n"
            "for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:\n"
            "    signal.signal(number, signal.SIG_IGN)\n"
            "while True: pass"
        ),
        output=b"done\n",
        exit_code=0,
    ),
    Attack(
        name="daemons_in_sessions_of_their_own",
        code=(
            "import os, time\n"
            "for _ in range(10):\n"
            "    if os.fork() == 0:\n"
            "        os.setsid()\n"
            "        time.sleep(60)\n"
            "print('done')"
        ),
        output=b"done\n",
        exit_code=0,
    ),
    Attack(
        name="daemon_in_shell",
        code="",
        argv=("/bin/sh", "-c", "(sleep 60 &) ; (trap '' HUP TERM; sleep 60) & echo done"),
        output=b"done\n",
        exit_code=0,
    ),
    Attack(
        name="child_that_floods_after_the_end",
        code=(
            "import os\n"
            "if os.fork() == 0:\n"
            "    os.close(1); os.close(2)\n"
            "    while True: bytearray(2**20)\n"
            "print('done')"
        ),
        output=b"done\n",
        exit_code=0,
    ),
    Attack(
        name="files_everywhere",
        code=(
            "import os\n"
            "for place in ('/tmp', '/var/tmp', '/dev/shm', '/sandbox', '.', '/', '/run', '/home'):\n"
            "    try: open(os.path.join(place, 'cogitate-left-behind'), 'w').close()\n"
            "    except OSError: pass\n"
            "print('done')"
        ),
        output=b"done\n",
        exit_code=0,
    ),
    Attack(
        name="exit_at_once",
        code="import sys\nsys.exit(0)\nprint('never')",
        output=b"",
        exit_code=0,
        quick=True,
    ),
    Attack(
        name="exit_without_clean_up",
        code="import os\nprint('lost')\nos._exit(0)",
        output=b"",
        exit_code=0,
    ),
    Attack(
        name="exit_from_a_thread",
        code=(
            "import os, threading\n"
            "threading.Thread(target=lambda: os._exit(3)).start()\n"
            "while True: pass"
        ),
        exit_code=3,
    ),
    Attack(
        name="exit_hooks",
        code=(
            "import atexit, sys\n"
            "atexit.register(lambda: print('late', flush=True))\n"
            "sys.excepthook = lambda *error: print('hooked', flush=True)\n"
            "raise RuntimeError"
        ),
        output=b"hooked\nlate\n",
        exit_code=1,
    ),
    Attack(
        name="forged_report",
        # What a sandbox might be told by its own helper, on every descriptor there could be.
        code=(
            "import os\n"
            'forged = b\'{ "exit-code": 0 }\\n{"status": 0}\\n{"failure": "machine"}\\n\'\n'
            "for number in range(3, 256):\n"
            "    try: os.write(number, forged)\n"
            "    except OSError: continue\n"
            "    print('ESCAPED', number)\n"
            "os._exit(7)"
        ),
        output=b"",
        exit_code=7,
        quick=True,
    ),
    Attack(
        name="forged_complaint_of_the_sandbox",
        code="import os\nos.write(2, b'bwrap: execvp failed: the sandbox is broken\\n')\nos._exit(1)",
        expect=Outcome.EXITED,
        exit_code=1,
    ),
    Attack(
        name="values_equal_to_everything",
        code=(
            "class Any(str):\n"
            "    def __eq__(self, other): return True\n"
            "    def __ne__(self, other): return False\n"
            "    __hash__ = str.__hash__\n"
            "print(Any('41'))"
        ),
        output=b"41\n",
        exit_code=0,
    ),
    Attack(
        name="patched_builtins",
        code=(
            "import builtins, sys, time\n"
            "builtins.print = lambda *a, **k: None\n"
            "builtins.len = lambda x: 42\n"
            "time.time = time.monotonic = lambda: 0.0\n"
            "sys.modules['json'] = None\n"
            "sys.stdout.write('patched\\n')"
        ),
        output=b"patched\n",
        exit_code=0,
    ),
    tries(
        "poisoned_library",
        """
import glob, sysconfig
library = sysconfig.get_paths()["stdlib"]
for target in (
    f"{library}/json/__init__.py", f"{library}/sitecustomize.py", f"{library}/__pycache__/json.pyc",
    f"{library}/site-packages/evil.pth", os.path.expanduser("~/.pythonrc.py"),
    *glob.glob(f"{library}/__pycache__/*.pyc")[:3],
):
    attempt(f"write {target}", open, target, "ab")
    attempt(f"delete {target}", os.unlink, target)
attempt("new module", open, f"{library}/evil.py", "w")
attempt("rename", os.rename, f"{library}/json", f"{library}/json_away")
attempt("mode", os.chmod, f"{library}/json/__init__.py", 0o777)
attempt("times", os.utime, f"{library}/json/__init__.py", (0, 0))
""",
        argv=(),
    ),
    Attack(
        name="input_stolen_by_a_child",
        code=(
            "import os, sys\n"
            "child = os.fork()\n"
            "if child == 0:\n"
            "    sys.stdin.read()\n"
            "    os._exit(0)\n"
            "os.waitpid(child, 0)\n"
            "print(repr(sys.stdin.read()))"
        ),
        stdin=b"input\n",
        output=b"''\n",
        exit_code=0,
    ),
    tries(
        "input_rewritten",
        """
attempt("write to stdin", os.write, 0, b"forged")
attempt("truncate stdin", os.ftruncate, 0, 0)
for path in ("/proc/self/fd/0", "/dev/stdin"):
    attempt(f"append to {path}", lambda: os.write(os.open(path, os.O_WRONLY), b"forged"))
if sys.stdin.read() != "input": print("ESCAPED: stdin has changed")
""",
        stdin=b"input",
    ),
    Attack(
        name="large_input_that_is_not_read",
        code="print('done')",
        stdin=b"x" * 2**23,
        output=b"done\n",
        exit_code=0,
    ),
    Attack(
        name="large_input_that_is_echoed",
        code="import sys\nsys.stdout.write(sys.stdin.read())",
        stdin=b"x" * 2**20,
        output=b"x" * 2**20,
        exit_code=0,
        limits=limited(output=2**20),
    ),
    Attack(
        name="bytes_that_are_no_text",
        code="import os\nos.write(1, bytes(range(256)))",
        output=bytes(range(256)),
        exit_code=0,
    ),
    Attack(
        name="program_that_is_none",
        code="",
        argv=("/sandbox/program",),
        files={"program": b"\x7fELF this is no program"},
        expect=Outcome.EXITED,
    ),
)
