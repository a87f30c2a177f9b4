"""
A network that loses, delays, duplicates and reorders packets: lossy.py IP ADDRESS COMMAND...

Runs COMMAND in this network namespace, where ADDRESS (a /24) is on a TUN device; IP is ip(8). Packets to any
other address of that network come back as if their receiver had sent them to ADDRESS: a connection to the neighbour
reaches a server on ADDRESS, and all its packets in both directions pass through here. (Swapping two addresses does not
change a checksum.)
"""

import fcntl, heapq, os, random, select, struct, subprocess, sys, time

LOSS, DOUBLED, DELAY, JITTER = 0.02, 0.01, 0.005, 0.010
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000

ip, address, command = sys.argv[1], sys.argv[2], sys.argv[3:]
random.seed(1)
tun = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH", b"lossy0", IFF_TUN | IFF_NO_PI))
for words in (f"addr add {address}/24 dev lossy0", "link set lossy0 up", "link set lo up"):
    subprocess.run([ip, *words.split()], check=True)

child = subprocess.Popen(command)
underway, count = [], 0
while child.poll() is None:
    now = time.monotonic()
    wait = max(0, underway[0][0] - now) if underway else 0.05
    if select.select([tun], [], [], min(wait, 0.05))[0]:
        packet = os.read(tun, 65536)
        if packet[0] >> 4 == 4 and random.random() >= LOSS:
            packet = packet[:12] + packet[16:20] + packet[12:16] + packet[20:]
            for _ in range(2 if random.random() < DOUBLED else 1):
                count += 1
                due = time.monotonic() + DELAY + random.random() * JITTER
                heapq.heappush(underway, (due, count, packet))
    now = time.monotonic()
    while underway and underway[0][0] <= now:
        os.write(tun, heapq.heappop(underway)[2])
sys.exit(child.returncode)
