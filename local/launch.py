"""The child's side of a start: ties it to its parent, drops root, then becomes the program; apart
because it runs before every server and so must import next to nothing.

Run as `python -I -S launch.py SIGNAL PARENT USER NICE PROGRAM ARGUMENT...`, Linux only. USER is
empty for "stay who you are".
"""

import ctypes
import os
import pwd
import sys

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION_3 = 0x20080522


def check(result: int) -> None:
    """Raise OSError with the kernel's reason when a C call answered -1."""
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def yield_to_others(nice: int) -> None:
    """Take the smaller share: by itself and, where each session is weighed as a whole, by that."""
    os.nice(nice)
    try:
        with open("/proc/self/autogroup", "w") as group:
            group.write(str(nice))
    except OSError:
        pass  # No autogroups here: the niceness is enough.


def drop_root(libc: ctypes.CDLL, user: str) -> None:
    """Become `user`, keeping only the right to pass folders that are closed to others.

    PostgreSQL refuses to run as root, and root's own folders (the program's, the data's) are
    often closed to everybody else; opening them would be worse than this one capability.
    """
    account = pwd.getpwnam(user)
    check(libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0))
    os.setgroups([])
    os.setresgid(account.pw_gid, account.pw_gid, account.pw_gid)
    os.setresuid(account.pw_uid, account.pw_uid, account.pw_uid)
    kept = 1 << CAP_DAC_OVERRIDE
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)(kept, kept, kept, 0, 0, 0)
    check(libc.capset(header, sets))
    check(libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0))


def main(arguments: list[str]) -> None:
    signal, parent, user, nice, *program = arguments
    libc = ctypes.CDLL(None, use_errno=True)
    if int(nice):
        yield_to_others(int(nice))
    if user:
        drop_root(libc, user)
    # After the change of user, which would clear it.
    check(libc.prctl(PR_SET_PDEATHSIG, int(signal), 0, 0, 0))
    if os.getppid() != int(parent):
        sys.exit("the parent died before its child was tied to it")
    os.execv(program[0], program)


if __name__ == "__main__":
    main(sys.argv[1:])
