"""
Runs a command that cannot ask the kernel by netlink: no-netlink.py COMMAND... As under systemd's RestrictAddressFamilies=
without AF_NETLINK, a filter (seccomp) answers socket(AF_NETLINK, ...) with EAFNOSUPPORT.
"""

import ctypes, errno, os, platform, struct, sys

AF_NETLINK, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 16, 38, 22, 2
SOCKET = {"x86_64": 41, "aarch64": 198}[platform.machine()]
LOAD, IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, ERRNO = 0x7FFF0000, 0x00050000


def step(code, value, yes=0, no=0):
    return struct.pack("HBBI", code, yes, no, value)


# The number of the call is at 0, the lower half of its first argument at 16.
steps = b"".join([
    step(LOAD, 0), step(IF_EQUAL, SOCKET, 0, 3),
    step(LOAD, 16), step(IF_EQUAL, AF_NETLINK, 0, 1),
    step(RETURN, ERRNO | errno.EAFNOSUPPORT), step(RETURN, ALLOW),
])
memory = ctypes.create_string_buffer(steps)
program = struct.pack("HxxxxxxP", len(steps) // 8, ctypes.addressof(memory))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 or libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0) != 0:
    raise OSError(ctypes.get_errno(), "no filter")
os.execvp(sys.argv[1], sys.argv[1:])
