# A terminal for a program that is to lose it: python3 terminal.py COMMAND [ARG...]
# Says "pid N", passes what the program prints, and closes the terminal when its own input ends.
import os, pty, select, sys

pid, master = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
print("pid", pid, flush=True)
sources = [0, master]
while 0 in sources:
    ready, _, _ = select.select(sources, [], [])
    if 0 in ready and not os.read(0, 100):
        sources.remove(0)
    elif master in ready:
        try:
            os.write(1, os.read(master, 4096))
        except OSError:  # nobody has it open; it is a terminal all the same
            sources.remove(master)
os.close(master)
_, status = os.waitpid(pid, 0)
print("status", os.waitstatus_to_exitcode(status), flush=True)
