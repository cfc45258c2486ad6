"""Programs that try to get out: files, processes, network and kernel of the machine."""

from cogitate.sandbox import Outcome
from sandbox_attacks.corpus import Attack, tries

ATTACKS = (
    tries(
        "files_of_the_system",
        """
for path in ("/etc/shadow", "/etc/passwd", "/root/.bashrc", "/root/.ssh/id_rsa", "/home", "/var/log",
             "/etc/hostname", "/boot", "/sys/kernel", "/run", "/mnt", "/proc/kcore", "/dev/mem", "/dev/sda", "/dev/vda"):
    attempt(f"open {path}", os.open, path, os.O_RDONLY)
""",
    ),
    tries(
        "files_of_the_parent",
        """
bait = os.environ["BAIT_FILE"]
attempt("read", lambda: open(bait).read())
attempt("write", open, bait, "a")
attempt("open for path", lambda: os.open("fd", os.O_RDONLY, dir_fd=os.open(os.path.dirname(bait), os.O_PATH)))
attempt("list", os.listdir, os.path.dirname(bait))
attempt("delete", os.unlink, bait)
attempt("rename", os.rename, bait, bait + ".away")
attempt("fetch", os.rename, bait, "mine")
attempt("hard link", os.link, bait, "mine")
attempt("hard link out", lambda: (open("x", "w").close(), os.link("x", bait + ".mine")))
attempt("create", open, bait + ".mine", "x")
attempt("directory", os.mkdir, bait + ".mine")
attempt("truncate", os.truncate, bait, 0)
attempt("change mode", os.chmod, bait, 0o600)
attempt("change times", os.utime, bait, (0, 0))
attempt("attribute", os.setxattr, bait, "user.mine", b"x")
""",
    ),
    tries(
        "symlinks",
        """
bait = os.environ["BAIT_FILE"]
for number, target in enumerate((bait, os.path.dirname(bait), "/", "/etc", "../" * 20 + bait.lstrip("/"))):
    os.symlink(target, f"link{number}")
    attempt(f"follow {target}", lambda: os.listdir(f"link{number}") if os.path.isdir(target) and target not in ("/", "/etc") else open(f"link{number}").read())
attempt("write through", open, "link0", "a")
os.symlink(bait, "work")
attempt("create through", lambda: open("link1/mine", "x"))
""",
    ),
    tries(
        "proc_tricks",
        """
bait = os.environ["BAIT_FILE"]
for pid in ("1", "self", str(os.getppid()), os.environ["BAIT_PID"]):
    for root in ("root", "cwd"):
        attempt(f"{pid}/{root}", lambda: open(f"/proc/{pid}/{root}{bait}").read())
        attempt(f"{pid}/{root}", lambda: open(f"/proc/{pid}/{root}/etc/shadow").read())
own = {os.getpid(), os.getppid()}
try: names = os.listdir("/proc")
except OSError: names = map(str, range(1, 4000))
for pid in filter(str.isdigit, names):
    if int(pid) != os.getpid():
        environment = None
        try: environment = open(f"/proc/{pid}/environ", "rb").read()
        except OSError: pass
        if environment: print("ESCAPED: environment of", pid, environment[:80])
        for name in ("mem", "maps"):
            try:
                if open(f"/proc/{pid}/{name}", "rb").read(1): print("ESCAPED:", name, "of", pid)
            except OSError: pass
        for number in range(12):
            attempt(f"descriptor {number} of {pid}", os.open, f"/proc/{pid}/fd/{number}", os.O_RDONLY)
for path in ("/proc/sysrq-trigger", "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname",
             "/proc/sys/vm/drop_caches", "/proc/sys/kernel/randomize_va_space", "/proc/1/oom_score_adj", "/proc/1/mem"):
    attempt(f"open {path} for writing", os.open, path, os.O_WRONLY)  # no more: it is this machine
attempt("another user", lambda: os.write(os.open("/proc/self/uid_map", os.O_WRONLY), b"0 0 1"))
""",
    ),
    tries(
        "inherited_descriptors",
        """
for number in range(3, 1024):
    attempt(f"descriptor {number}", os.fstat, number)
""",
    ),
    tries(
        "environment_of_the_parent",
        """
known = {"BAIT_FILE", "BAIT_PID", "BAIT_TCP", "BAIT_UDP", "BAIT_STREAM", "BAIT_DATAGRAM", "BAIT_ABSTRACT",
         "COGITATE_MARK", "LC_CTYPE", "PWD", "TMPDIR"}
others = set(os.environ) - known
if others: print("ESCAPED: variables", others)
""",
    ),
    tries(
        "writing_outside",
        """
import sysconfig
for place in ("/", "/usr", "/usr/bin", "/usr/lib", "/etc", "/dev", "/proc", "/var", "/run", "/root", "/home",
              sys.base_prefix, sysconfig.get_paths()["stdlib"], os.path.dirname(sys.executable)):
    attempt(f"create in {place}", open, os.path.join(place, "mine"), "x")
    attempt(f"directory in {place}", os.mkdir, os.path.join(place, "mine.d"))
attempt("delete a program", os.unlink, "/usr/bin/env")
attempt("replace a program", os.rename, "/usr/bin/env", "/usr/bin/env2")
attempt("write to a program", open, "/usr/bin/env", "r+b")
attempt("write to Python", open, sys.executable, "r+b")
""",
    ),
    tries(
        "network",
        """
import socket
def tcp(host, port): socket.create_connection((host, port), timeout=2).close()
def udp(host, port): socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", (host, port))
attempt("tcp", tcp, "127.0.0.1", int(os.environ["BAIT_TCP"]))
attempt("tcp6", tcp, "::1", int(os.environ["BAIT_TCP"]))
attempt("tcp outside", tcp, "1.1.1.1", 53)
attempt("metadata service", tcp, "169.254.169.254", 80)
attempt("udp", udp, "127.0.0.1", int(os.environ["BAIT_UDP"]))
attempt("names", socket.gethostbyname, "example.com")
attempt("listen", lambda: socket.create_server(("127.0.0.1", 0)))
""",
    ),
    tries(
        "unusual_sockets",
        """
import socket
for family in range(2, 46):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET):
        attempt(f"family {family} kind {kind}", socket.socket, family, kind)
""",
    ),
    tries(
        "sockets_in_the_file_system",
        """
import socket
def unix(kind, address):
    with socket.socket(socket.AF_UNIX, kind) as made: made.connect(address)
attempt("stream", unix, socket.SOCK_STREAM, os.environ["BAIT_STREAM"])
attempt("datagram", unix, socket.SOCK_DGRAM, os.environ["BAIT_DATAGRAM"])
attempt("abstract", unix, socket.SOCK_STREAM, "\\0" + os.environ["BAIT_ABSTRACT"])
for path in ("/run/docker.sock", "/var/run/docker.sock", "/dev/log", "/run/systemd/notify"):
    attempt(path, unix, socket.SOCK_STREAM, path)
def pair():
    left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    left.sendto(b"x", os.environ["BAIT_DATAGRAM"])
attempt("datagram from a pair", pair)
def stream_pair():
    left, right = socket.socketpair()
    left.sendto(b"x", os.environ["BAIT_DATAGRAM"])
attempt("datagram from a stream", stream_pair)
left, right = socket.socketpair()  # what asyncio needs works
left.send(b"x")
assert right.recv(1) == b"x"
""",
    ),
    tries(
        "ptrace",
        """
import ctypes, platform
number = {"x86_64": 101, "aarch64": 117}[platform.machine()]
for pid in (os.getppid(), int(os.environ["BAIT_PID"]), 1):
    for request in (16, 0x4206):  # ATTACH, SEIZE
        attempt(f"trace {pid}", system_call, number, request, pid, 0, 0)
attempt("trace me", system_call, number, 0, 0, 0, 0)
""",
    ),
    tries(
        "memory_of_others",
        """
import ctypes, platform
read, write = {"x86_64": (310, 311), "aarch64": (270, 271)}[platform.machine()]
buffer = ctypes.create_string_buffer(8)
vector = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 8)
for pid in (os.getppid(), int(os.environ["BAIT_PID"]), os.getpid()):
    attempt(f"read {pid}", system_call, read, pid, vector, 1, vector, 1, 0)
    attempt(f"write {pid}", system_call, write, pid, vector, 1, vector, 1, 0)
""",
    ),
    tries(
        "signals_to_the_parent",
        """
import signal
parent = int(os.environ["BAIT_PID"])
for number in (0, signal.SIGTERM, signal.SIGKILL, signal.SIGSTOP):
    if parent not in (os.getpid(), os.getppid()): attempt(f"signal {number}", os.kill, parent, number)
    attempt(f"signal {number} to its group", os.killpg, parent, number)
try: descriptor = os.pidfd_open(parent)
except OSError: pass
else: attempt("through a descriptor", signal.pidfd_send_signal, descriptor, signal.SIGKILL)
""",
    ),
    tries(
        "signals_to_everybody",
        """
import signal, time
child = os.fork()
if child == 0:
    time.sleep(60)
for number in (signal.SIGTERM, signal.SIGKILL):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try: os.kill(-1, number)
    except OSError: pass
for pid in range(1, 4000):
    if pid not in (os.getpid(), child):
        try: os.kill(pid, signal.SIGKILL)
        except OSError: continue
        if pid != 1: print("ESCAPED: could signal", pid)
try: os.kill(child, signal.SIGKILL)
except OSError: pass
""",
    ),
    Attack(
        name="end_of_the_sandbox_itself",
        # Its first process, whatever stands between, and then an exit code of its own.
        code=(
            "import os, signal\n"
            "for pid in (1, os.getppid()):\n"
            "    for number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM, signal.SIGINT):\n"
            "        try: os.kill(pid, number)\n"
            "        except OSError: pass\n"
            "print('alive', flush=True)\n"
            "os._exit(5)"
        ),
        output=b"alive\n",
        exit_code=5,
        quick=True,
    ),
    tries(
        "namespaces",
        """
import platform
unshare, clone, setns = {"x86_64": (272, 56, 308), "aarch64": (97, 220, 268)}[platform.machine()]
for flag in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000, 0x80):
    attempt(f"unshare {flag:#x}", system_call, unshare, flag)
    if flag != 0x80:
        attempt(f"clone {flag:#x}", system_call, clone, flag | 17, 0, 0, 0, 0)
attempt("clone3", system_call, 435, 0, 0)
for name in ("user", "mnt", "net", "pid"):
    for pid in ("self", "1"):
        try: descriptor = os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY)
        except OSError: continue
        attempt(f"enter {name} of {pid}", system_call, setns, descriptor, 0)
""",
    ),
    tries(
        "mounts",
        """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def checked(result):
    if result != 0: raise OSError(ctypes.get_errno(), "")
attempt("mount", lambda: checked(libc.mount(b"none", b"/sandbox", b"tmpfs", 0, None)))
attempt("mount /proc", lambda: checked(libc.mount(b"proc", b"/proc", b"proc", 0, None)))
attempt("writable", lambda: checked(libc.mount(b"none", b"/usr", None, 32 | 4096, None)))
attempt("umount", lambda: checked(libc.umount2(b"/proc", 2)))
attempt("chroot", os.chroot, ".")
attempt("pivot_root", lambda: checked(libc.pivot_root(b".", b".")))
for number in (428, 429, 430, 431, 432, 433, 442, 467):
    attempt(f"call {number}", system_call, number, 0, 0, 0, 0, 0)
""",
    ),
    tries(
        "more_rights",
        """
import ctypes
for user in (0, 1, 65534, 12345):
    if user != os.getuid():
        attempt(f"setuid {user}", os.setuid, user)
        attempt(f"setresuid {user}", os.setresuid, user, user, user)
        attempt(f"setgid {user}", os.setgid, user)
attempt("groups", os.setgroups, [0])
if os.getuid() == 0: print("ESCAPED: it is root")
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(39, 0, 0, 0, 0) != 1: print("ESCAPED: new privileges are possible")
header, data = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
libc.capget(header, data)
if any(data): print("ESCAPED: capabilities", list(data))
for path in ("/bin/su", "/usr/bin/sudo", "/usr/bin/newgrp", "/bin/mount"):
    if os.path.exists(path):
        child = os.fork()
        if child == 0:
            null = os.open("/dev/null", os.O_RDWR)
            for number in range(3): os.dup2(null, number)
            os.execv(path, [path, "-c", "id"] if path.endswith("su") else [path, "-l"])
        os.waitpid(child, 0)
""",
    ),
    tries(
        "doors_of_the_kernel",
        """
import platform
calls = {
    "x86_64": dict(bpf=321, perf=298, userfaultfd=323, keyctl=250, add_key=248, kexec=246, kexec_file=320,
                   init_module=175, finit_module=313, delete_module=176, reboot=169, swapon=167, acct=163,
                   sethostname=170, settimeofday=164, clock_settime=227, iopl=172, ioperm=173, syslog=103,
                   open_by_handle=304, name_to_handle=303, fanotify=300, modify_ldt=154, memfd=319, shmget=29,
                   msgget=68, semget=64, mq_open=240, kcmp=312, seccomp=317, vmsplice=278, quotactl=179,
                   uselib=134, vhangup=153),
    "aarch64": dict(bpf=280, perf=241, userfaultfd=282, keyctl=219, add_key=217, kexec=104, kexec_file=294,
                    init_module=105, finit_module=273, delete_module=106, reboot=142, swapon=224, acct=89,
                    sethostname=161, settimeofday=170, clock_settime=112, syslog=116, open_by_handle=265,
                    name_to_handle=264, fanotify=262, memfd=279, shmget=194, msgget=186, semget=190,
                    mq_open=180, kcmp=272, seccomp=277, vmsplice=75, quotactl=60, vhangup=58),
}[platform.machine()]
calls |= dict(io_uring_setup=425, io_uring_enter=426, io_uring_register=427, pidfd_getfd=438, memfd_secret=447,
              process_madvise=440, quotactl_fd=443, of_the_future=500)
import errno
for name, number in calls.items():
    try: system_call(number, 0, 0, 0, 0, 0)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOSYS): print("ESCAPED:", name, "failed only with", error)
    else: print("ESCAPED:", name)
""",
    ),
    Attack(
        name="calls_of_another_architecture",
        code=(
            "import ctypes, os, platform\n"
            "if platform.machine() != 'x86_64': os.kill(os.getpid(), 31)\n"
            "ctypes.CDLL(None).syscall(0x40000000 | 39)\n"
            "print('ESCAPED')"
        ),
        expect=Outcome.SIGNALLED,
        signal=31,
        output=b"",
    ),
    tries(
        "devices",
        """
import stat
attempt("disk", os.mknod, "disk", stat.S_IFBLK | 0o666, os.makedev(8, 0))
attempt("memory", os.mknod, "memory", stat.S_IFCHR | 0o666, os.makedev(1, 1))
attempt("null", lambda: os.mknod("null", stat.S_IFCHR | 0o666, os.makedev(1, 3)) or open("null").read())
for path in ("/dev/mem", "/dev/kmsg", "/dev/kvm", "/dev/fuse", "/dev/net/tun", "/dev/tty", "/dev/ptmx", "/dev/vda", "/dev/loop0"):
    attempt(path, os.open, path, os.O_RDONLY)
""",
    ),
    tries(
        "limits_of_others_and_of_itself",
        """
import resource
for pid in (os.getppid(), int(os.environ["BAIT_PID"]), 1):
    attempt(f"limit of {pid}", resource.prlimit, pid, resource.RLIMIT_NOFILE, (1, 1))
for name in ("AS", "CPU", "FSIZE", "NPROC", "NOFILE", "CORE", "MEMLOCK"):
    number = getattr(resource, f"RLIMIT_{name}")
    soft, hard = resource.getrlimit(number)
    if hard == resource.RLIM_INFINITY: print("ESCAPED: no limit of", name)
    else: attempt(f"raise {name}", resource.setrlimit, number, (hard + 1, hard + 1))
""",
    ),
    tries(
        "scheduling",
        """
for pid in (os.getppid(), int(os.environ["BAIT_PID"])):
    attempt("affinity", os.sched_setaffinity, pid, {0})
    attempt("priority", os.setpriority, os.PRIO_PROCESS, pid, 19)
attempt("realtime", os.sched_setscheduler, 0, os.SCHED_FIFO, os.sched_param(1))
attempt("less nice", os.nice, -5)
attempt("everybody's priority", os.setpriority, os.PRIO_USER, 0, 19)
""",
    ),
    tries(
        "escape_from_the_watcher",
        """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
for name, option, argument in (("death signal", 1, 0), ("dumpable", 4, 0), ("subreaper", 36, 1), ("filter", 22, 2)):
    if libc.prctl(option, argument, 0, 0, 0) == 0: print("ESCAPED:", name)
attempt("out of memory", lambda: os.write(os.open("/proc/self/oom_score_adj", os.O_WRONLY), b"-1000"))
""",
    ),
    tries(
        "terminal",
        """
import fcntl
for number in range(3):
    attempt("push a character", fcntl.ioctl, number, 0x5412, b"x")
    attempt("linux console", fcntl.ioctl, number, 0x541C, b"\\x02")
attempt("terminal", os.open, "/dev/tty", os.O_RDWR)
""",
    ),
    tries(
        "name_of_the_machine",
        """
import socket
attempt("rename", socket.sethostname, "mine")
""",
    ),
)
