"""A connection that says and reads lines, to say what no library would."""

import socket

from harness import check


class Wire:
    def __init__(self, port, source=None):
        # `source`: another address of this computer to come from, 127.0.0.2 and on.
        self.socket = socket.create_connection(("127.0.0.1", port), 30, (source, 0) if source else None)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def line(self):
        while b"\r\n" not in self.buffer:
            chunk = self.socket.recv(65536)
            if not chunk:
                raise EOFError(f"closed after {self.buffer!r}")
            self.buffer += chunk
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line.decode()

    def reply(self):
        """An SMTP reply, its lines joined."""
        lines = [self.line()]
        while lines[-1][3:4] == "-":
            lines.append(self.line())
        return "\n".join(lines)

    def say(self, text):
        self.socket.sendall(text.encode() if isinstance(text, str) else text)

    def ask(self, line, wanted, reply=None):
        self.say(line + "\r\n")
        answer = (reply or self.reply)()
        check(answer.startswith(wanted), f"{line}: {answer!r}, not {wanted}")
        return answer

    def secure(self, context):
        check(not self.buffer, f"answers to injected commands came before TLS: {self.buffer!r}")
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")

    def is_silent(self, seconds=1):
        """True when nothing comes."""
        self.socket.settimeout(seconds)
        try:
            self.buffer += self.socket.recv(65536)
        except TimeoutError:
            pass
        self.socket.settimeout(30)
        return not self.buffer
