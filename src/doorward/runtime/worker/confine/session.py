"""Confines this process and all that it will start to what one session may touch. Called once, before the agent runs.

INVARIANT: what the kernel offers is put on or the session does not start; what it does not offer is said (`enforced`).
"""

import contextlib
import os
import resource
import signal
import sys
import sysconfig
import tempfile
from pathlib import Path

from doorward.runtime.tree import of_this_user
from doorward.runtime.wire import Confinement
from doorward.runtime.worker.confine import landlock, seccomp
from doorward.runtime.worker.confine.kernel import (
    PR_SET_CHILD_SUBREAPER,
    PR_SET_DUMPABLE,
    PR_SET_NO_NEW_PRIVS,
    PR_SET_PDEATHSIG,
    drop_capabilities,
    machine,
    prctl,
)

# What programs, the C library and Python read on most systems. Nothing of a user's, nothing of a service's.
_SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/sbin", "/opt", "/nix/store", "/sys/devices/system/cpu")
_SETTINGS = (
    "/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/etc/ld.so.cache", "/etc/localtime", "/etc/timezone",
    "/etc/resolv.conf", "/etc/hosts", "/etc/host.conf", "/etc/nsswitch.conf", "/etc/gai.conf", "/etc/protocols",
    "/etc/services", "/etc/mime.types", "/etc/passwd", "/etc/group", "/etc/os-release",
    "/run/systemd/resolve/stub-resolv.conf",
)  # fmt: skip
_ABOUT_THE_MACHINE = ("/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/loadavg", "/proc/filesystems", "/proc/sys")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")


def confine(plan: Confinement, scratch: Path, parent: int) -> None:
    """Put everything on. Raises `OSError` when the kernel refuses what it offers."""
    _at_home(scratch)
    _limit(plan)
    if not machine():
        return
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the kernel was told
        os._exit(1)
    prctl(PR_SET_CHILD_SUBREAPER, 1)  # what it leaves behind stays below it, where it is found and ended
    prctl(PR_SET_DUMPABLE, 0)
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    landlock.restrict(_opened(plan, scratch), network=plan.network)
    if os.geteuid() == 0:
        drop_capabilities()
    seccomp.install(network=plan.network)


def enforced(*, network: bool) -> list[str]:
    """What a session on this machine is kept from, by the names that start-up says. Puts nothing on."""
    if not machine():
        return ["limits"]
    version = landlock.abi()
    means = ["limits", "system calls"]
    means += ["files"] if version else []
    means += ["signals", "abstract sockets"] if version >= 6 else []
    return means if network else [*means, "network"]


def _at_home(scratch: Path) -> None:
    os.umask(0o077)
    os.chdir(scratch)
    for name in ("HOME", "TMPDIR", "TMP", "TEMP"):
        os.environ[name] = str(scratch)
    tempfile.tempdir = None  # looked up anew


def _limit(plan: Confinement) -> None:
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_AS: _mapped() + plan.memory,
        resource.RLIMIT_CPU: plan.cpu,
        resource.RLIMIT_NOFILE: plan.files,
        resource.RLIMIT_FSIZE: plan.disk,
    }
    for kind, wanted in limits.items():
        _, most = resource.getrlimit(kind)
        value = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
        resource.setrlimit(kind, (value, value))
    most = of_this_user() + plan.processes * 2  # the kernel counts all of the user's processes: only a last resort
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NPROC, (most, most))


def _mapped() -> int:
    """Bytes of address space that this process has now."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        return 1 << 32


def _opened(plan: Confinement, scratch: Path) -> landlock.Opened:
    python = {sys.prefix, sys.base_prefix, *sysconfig.get_paths().values(), str(Path(sys.executable).resolve().parent)}
    imports = {path for path in sys.path if Path(path).is_dir()}
    found = landlock.around({*python, *imports, *plan.readable}, plan.hidden)
    own = f"/proc/{os.getpid()}"
    return landlock.Opened(
        read=(*found.read, *_SYSTEM, *_SETTINGS, *_ABOUT_THE_MACHINE, own),
        write=(str(scratch), *plan.writable, *_DEVICES),
        listed=found.listed,
    )
