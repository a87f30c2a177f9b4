"""
Traces a process of the same user by ptrace(2) from its start, and never lets it end: `exit` stops it in its exit
(PTRACE_O_TRACEEXIT), where it does not die of SIGKILL; `reap` lets it end and does not wait for it, so that its parent cannot reap it.

Prints "traced" when it does, and ends with its standard input.
"""
import ctypes, os, sys

SEIZE, TRACEEXIT = 0x4206, 0x40
pid, how = int(sys.argv[1]), sys.argv[2]
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
if libc.ptrace(SEIZE, pid, None, TRACEEXIT if how == "exit" else 0) != 0:
    sys.exit(f"cannot trace {pid}: {os.strerror(ctypes.get_errno())}")
print("traced", flush=True)
sys.stdin.read()
