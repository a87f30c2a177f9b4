"""
Connects to a Telnet server and types something: visitor.py HOST PORT HOW TEXT [TIMES].

HOW: "stay" reads until the server closes and prints what came; "close" and "reset" do so at once; "finish" closes the
sending half and reads on, as "stay".
"""

import socket, struct, sys

host, port, how, text = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
for _ in range(int(sys.argv[5]) if len(sys.argv) > 5 else 1):
    with socket.create_connection((host, port), timeout=240) as connection:
        try:
            connection.sendall(text.encode())
            if how == "reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if how == "finish":
                connection.shutdown(socket.SHUT_WR)
            if how in ("stay", "finish"):
                while received := connection.recv(65536):
                    sys.stdout.buffer.write(received)
        except (BrokenPipeError, ConnectionResetError):
            pass
