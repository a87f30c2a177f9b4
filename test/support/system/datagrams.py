# The socket of a service manager: python3 datagrams.py ADDRESS ('@' begins an abstract one). Prints each datagram as JSON.
import json, socket, sys

address = sys.argv[1]
receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiver.bind("\0" + address[1:] if address[0] == "@" else address)
print(json.dumps("bound"), flush=True)
while True:
    print(json.dumps(receiver.recv(65536).decode()), flush=True)
