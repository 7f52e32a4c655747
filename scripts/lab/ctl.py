"""A node's control socket: JSON-RPC 2.0, one object a line."""

import json
import socket

REPLY_LIMIT_S = 10.0


class Refused(Exception):
    """The node answered with an error object."""

    def __init__(self, error):
        super().__init__(json.dumps(error))
        self.error = error


class Ctl:
    """One connection."""

    def __init__(self, path, limit_s=REPLY_LIMIT_S):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(limit_s)
        self.socket.connect(str(path))
        self.rest = b""
        self.next_id = 1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Closes the connection."""
        self.socket.close()

    def send_line(self, line):
        """Sends a line as it is, right or wrong."""
        self.socket.sendall(line.encode() + b"\n")

    def receive(self):
        """The next object from the node; EOFError when it hung up, TimeoutError when it says nothing."""
        while b"\n" not in self.rest:
            octets = self.socket.recv(65536)
            if not octets:
                raise EOFError("the node closed the connection")
            self.rest += octets
        line, _, self.rest = self.rest.partition(b"\n")
        return json.loads(line)

    def call(self, method, **params):
        """Calls a method and returns its result."""
        number, self.next_id = self.next_id, self.next_id + 1
        request = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        self.send_line(json.dumps(request))
        while True:
            answer = self.receive()
            if answer.get("id") != number:
                continue  # a notification
            if "error" in answer:
                raise Refused(answer["error"])
            return answer["result"]
