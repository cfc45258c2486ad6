"""Programs that want more than their share: processes, memory, output, time, disk."""

from cogitate.sandbox import Outcome
from sandbox_attacks.corpus import Attack, limited

TIMEOUT, RESOURCE, OUTPUT = Outcome.TIMEOUT, Outcome.RESOURCE_LIMIT, Outcome.OUTPUT_LIMIT
SHORT = limited(wall=1.5)

ATTACKS = (
    Attack(
        name="fork_bomb",
        code="import os\nwhile True: os.fork()",
        expect=RESOURCE,
        reason="processes",
        quick=True,
    ),
    Attack(
        name="fork_bomb_that_does_not_give_up",
        code="import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
        expect=TIMEOUT,
        landlock_as_user=RESOURCE,
        limits=SHORT,
    ),
    Attack(
        name="fork_bomb_in_shell",
        code="",
        argv=("/bin/sh", "-c", "f() { f | f & }; (f) & while :; do :; done"),
        expect=TIMEOUT,
        landlock_as_user=RESOURCE,
        limits=SHORT,
    ),
    Attack(
        name="comet",
        # Each process forks and dies, so that there is never anybody to kill.
        code=(
            "import os, time\n"
            "if os.fork() == 0:\n"
            "    while True:\n"
            "        if os.fork(): os._exit(0)\n"
            "time.sleep(0.3)\nprint('done')"
        ),
        output=b"done\n",
    ),
    Attack(
        name="thread_bomb",
        code="import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(99,), daemon=True).start()",
        expect=RESOURCE,
        reason="threads",
    ),
    Attack(
        name="zombies",
        code="import os\nwhile True:\n    if os.fork() == 0: os._exit(0)",
        expect=RESOURCE,
        reason="processes",
    ),
    Attack(
        name="memory_bomb",
        code="kept = []\nwhile True: kept.append(b'x' * 2**20)",
        expect=RESOURCE,
        reason="memory",
        quick=True,
    ),
    Attack(
        name="memory_bomb_in_children",
        code=(
            "import os, time\n"
            "for _ in range(8):\n"
            "    if os.fork() == 0:\n"
            "        kept = b'x' * (60 * 2**20)\n"
            "        time.sleep(60)\n"
            "time.sleep(60)"
        ),
        expect=RESOURCE,
        reason="memory",
    ),
    Attack(
        name="memory_shared_with_a_child",
        code=(
            "import mmap, os, time\n"
            "area = mmap.mmap(-1, 400 * 2**20)\n"
            "for start in range(0, len(area), 4096): area[start] = 1\n"
            "time.sleep(60)"
        ),
        expect=RESOURCE,
        reason="memory",
    ),
    Attack(name="memory_at_once", code="bytearray(2**40)", expect=RESOURCE, reason="memory"),
    Attack(
        name="memory_that_is_shared_counts_once",
        # 60 MiB that six processes share are no 360 MiB: this one keeps the limit.
        code=(
            "import os, time\n"
            "kept = b'x' * (60 * 2**20)\n"
            "for _ in range(5):\n"
            "    if os.fork() == 0: time.sleep(0.4); os._exit(0)\n"
            "for _ in range(5): os.wait()\n"
            "print('done')"
        ),
        output=b"done\n",
    ),
    Attack(
        name="output_flood",
        code="while True: print('x' * 1000)",
        expect=OUTPUT,
        quick=True,
    ),
    Attack(
        name="output_flood_to_stderr",
        code="import sys\nwhile True: sys.stderr.write('x' * 1000)",
        expect=OUTPUT,
    ),
    Attack(
        name="output_flood_from_a_child",
        code="import os, time\nif os.fork() == 0:\n    while True: os.write(1, b'x' * 1000)\ntime.sleep(60)",
        expect=OUTPUT,
    ),
    Attack(
        name="output_just_within_the_limit",
        code="import sys\nsys.stdout.write('x' * 65536)",
        output=b"x" * 65536,
        limits=limited(output=65536),
    ),
    Attack(
        name="output_one_byte_too_long",
        code="import sys\nsys.stdout.write('x' * 65537)",
        expect=OUTPUT,
        output=b"x" * 65536,
        limits=limited(output=65536),
    ),
    Attack(name="endless_loop", code="while True: pass", expect=TIMEOUT, limits=SHORT, quick=True),
    Attack(name="sleep", code="import time\ntime.sleep(60)", expect=TIMEOUT, limits=SHORT),
    Attack(
        name="loop_that_ignores_signals",
        code=(
            "import signal\n"
            "for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:\n"
            "    signal.signal(number, signal.SIG_IGN)\n"
            "while True: pass"
        ),
        expect=TIMEOUT,
        limits=SHORT,
    ),
    Attack(
        name="tower_of_powers",
        code="print(9 ** 9 ** 9 % 7)",
        expect=TIMEOUT,
        limits=SHORT,
    ),
    Attack(
        name="processor_time",
        code="while True: pass",
        expect=TIMEOUT,
        reason="processor time",
        limits=limited(wall=60.0, cpu=0.5),
    ),
    Attack(
        name="processor_time_in_children",
        code=(
            "import os\n"
            "while True:\n"
            "    if os.fork() == 0:\n"
            "        for _ in range(10**6): pass\n"
            "        os._exit(0)\n"
            "    os.wait()"
        ),
        expect=TIMEOUT,
        reason="processor time",
        limits=limited(wall=60.0, cpu=1.0),
    ),
    Attack(
        name="stopped_for_ever",
        code="import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)",
        expect=TIMEOUT,
        limits=SHORT,
    ),
    Attack(
        name="silence",
        code="import os, time\nfor number in range(3): os.close(number)\ntime.sleep(60)",
        expect=TIMEOUT,
        limits=SHORT,
    ),
    Attack(
        name="waits_for_more_input",
        code="import time\nwhile True:\n    try: input()\n    except EOFError: time.sleep(1)",
        stdin=b"one line\n",
        expect=TIMEOUT,
        limits=SHORT,
    ),
    Attack(
        name="replaced_by_another_program",
        code="import os\nos.execv('/bin/sh', ['sh', '-c', 'while :; do :; done'])",
        expect=TIMEOUT,
        limits=SHORT,
    ),
    Attack(
        name="huge_file",
        code="with open('big', 'wb') as file:\n    while True: file.write(b'x' * 2**20)",
        expect=RESOURCE,
        reason="disk",
    ),
    Attack(
        name="huge_file_with_a_hole",
        code="with open('big', 'wb') as file: file.truncate(2**40)",
        expect=RESOURCE,
        reason="disk",
    ),
    Attack(
        name="many_large_files",
        code=(
            "import itertools\n"
            "for number in itertools.count():\n"
            "    with open(f'{number}', 'wb') as file: file.write(b'x' * 2**20)"
        ),
        expect=RESOURCE,
    ),
    Attack(
        name="large_files_without_a_name",
        code=(
            "import os, time\n"
            "kept = []\n"
            "for number in range(40):\n"
            "    kept.append(open(f'{number}', 'wb', buffering=0))\n"
            "    kept[-1].write(b'x' * 2**20)\n"
            "    os.unlink(f'{number}')\n"
            "time.sleep(60)"
        ),
        expect=RESOURCE,
        limits=limited(file=4),
    ),
    Attack(
        name="many_empty_files",
        code="import itertools\nfor number in itertools.count(): open(f'{number}', 'wb').close()",
        expect=RESOURCE,
    ),
    Attack(
        name="a_very_deep_directory",
        code=(
            "import os, time\n"
            "for _ in range(3000):\n"
            "    os.mkdir('directory')\n"
            "    os.chdir('directory')\n"
            "open('file', 'w').close()\n"
            "time.sleep(1.0)\n"
        ),
        landlock=RESOURCE,
    ),
    Attack(
        name="directories_that_nobody_may_enter",
        code=(
            "import os\n"
            "os.makedirs('a/b/c')\nopen('a/b/c/file', 'w').close()\n"
            "os.mkdir('closed', 0)\nos.symlink('/', 'link')\nos.mkfifo('queue')\n"
            "for path in ('a/b/c', 'a/b', 'a'):\n"
            "    try: os.chmod(path, 0)\n"
            "    except OSError: pass\n"
        ),
        exit_code=0,
    ),
    Attack(
        name="open_files",
        code="kept = []\nwhile True: kept.append(open('/dev/null'))",
        expect=RESOURCE,
        reason="open files",
    ),
    Attack(
        name="crash_in_native_code",
        code="import ctypes\nctypes.string_at(0)",
        expect=Outcome.SIGNALLED,
        signal=11,
        quick=True,
    ),
    Attack(
        name="abort",
        code="import os\nos.abort()",
        expect=Outcome.SIGNALLED,
        signal=6,
    ),
    Attack(
        name="suicide",
        code="import os\nos.kill(os.getpid(), 9)",
        expect=Outcome.SIGNALLED,
        signal=9,
    ),
)
