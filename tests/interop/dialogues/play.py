"""Plays a client's side of a dialogue against one or two FTP servers, over real sockets with real TLS.

    play.py DIALOGUE.txt HOST:PORT [HOST:PORT]

    A C: USER mover           is sent to the first server (B: the second one; with one server just C: and S:)
    A S: 331 *                one line of the reply; * stands for anything
    A S: ...                  any lines of a reply, up to the one that the next S: line fits
    A >: tls                  the handshake of the control connection
    A >: list NAME            connects to the address of the last 227 or 229 and must be sent a listing that has NAME in it
    A >: take NAME            connects there and must be sent what the file NAME of this dialogue is: its own name, 1000 times
    A >: give NAME            connects there and sends that
    A >: resumed              the last data connection resumed the TLS session of the control connection

{A} in a C: line is what A announced in its last 227, as PORT wants it; {A6} the same for EPRT.
The first thing that is not as written ends it with exit code 1 and the dialogue so far.
"""
import fnmatch
import re
import socket
import ssl
import sys

TIMEOUT = 15
TOLD = []


def fail(why):
    sys.exit("\n".join(TOLD) + "\n" + why)


def content(name):
    return (name + "\n").encode() * 1000


class Server:
    def __init__(self, name, address):
        host, _, port = address.rpartition(":")
        self.name, self.host = name, host.strip("[]")
        self.socket = socket.create_connection((self.host, int(port)), TIMEOUT)
        self.pending, self.private, self.announced, self.port = b"", False, None, None
        self.resumed, self.session = None, None
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # Trust is not what these dialogues are about, and some of the clients have none.
        self.context.check_hostname, self.context.verify_mode = False, ssl.CERT_NONE

    def send(self, line):
        TOLD.append(f"{self.name} C: {line}")
        self.socket.sendall(line.encode() + b"\r\n")
        if line.startswith("PROT "):
            self.private = line == "PROT P"

    def line(self):
        while b"\n" not in self.pending:
            try:
                received = self.socket.recv(4096)
            except OSError as error:
                fail(f"{self.name}: {error}")
            if not received:
                fail(f"{self.name} closed the connection")
            self.pending += received
        line, self.pending = self.pending.split(b"\n", 1)
        line = line.decode().rstrip("\r")
        TOLD.append(f"{self.name} S: {line}")
        numbers = re.search(r"\((\d+,\d+,\d+,\d+),(\d+),(\d+)\)", line)
        if line.startswith("227") and numbers:
            self.announced = ",".join(numbers.groups())
            self.port = int(numbers[2]) * 256 + int(numbers[3])
        extended = re.search(r"\(\|(.*)\|(.*)\|(\d+)\|\)", line)
        if line.startswith("229") and extended:
            self.port = int(extended[3])
        return line

    def tls(self):
        self.socket = self.context.wrap_socket(self.socket)

    def data(self):
        plain = socket.create_connection((self.host, self.port), TIMEOUT)
        if not self.private:
            return plain
        secured = self.context.wrap_socket(plain, session=self.socket.session)
        self.resumed = secured.session_reused
        return secured

    def read(self):
        connection, taken = self.data(), b""
        while received := connection.recv(65536):
            taken += received
        connection.close()
        return taken

    def act(self, what, name):
        TOLD.append(f"{self.name} >: {what} {name}")
        if what == "tls":
            self.tls()
        elif what == "list":
            taken = self.read().decode()
            if name not in taken:
                fail(f"{name} is not in the listing:\n{taken}")
        elif what == "take":
            taken = self.read()
            if taken != content(name):
                fail(f"{len(taken)} bytes came, and they are not {name}")
        elif what == "give":
            connection = self.data()
            connection.sendall(content(name))
            # An orderly end in both directions, as RFC 4217 wants it.
            if isinstance(connection, ssl.SSLSocket):
                connection = connection.unwrap()
            connection.close()
        elif what == "resumed":
            if not self.resumed:
                fail("the data connection did not resume the TLS session")
        else:
            fail(f"nobody can {what}")


def play(text, addresses):
    names = "AB"[: len(addresses)]
    servers = {name: Server(name, address) for name, address in zip(names, addresses)}
    anything = None
    for raw in text.splitlines():
        if not raw.strip() or raw.startswith("#"):
            continue
        head, _, rest = raw.partition(": ")
        name, _, speaker = head.rpartition(" ")
        server = servers[name or "A"]
        if speaker == "C":
            for other in servers.values():
                rest = rest.replace("{%s}" % other.name, other.announced or "?")
                rest = rest.replace("{%s6}" % other.name, f"|2|{other.host}|{other.port}|")
            server.send(rest)
        elif speaker == "S" and rest == "...":
            anything = server
        elif speaker == "S":
            line = server.line()
            while anything is server and not fits(line, rest):
                line = server.line()
            anything = None
            if not fits(line, rest):
                fail(f"expected: {rest}")
        elif speaker == ">":
            server.act(*(rest.split(" ", 1) + [""])[:2])
        else:
            fail(f"not a line of a dialogue: {raw}")


def fits(line, pattern):
    return fnmatch.fnmatchcase(line, pattern.replace("[", "[[]"))


path, *addresses = sys.argv[1:]
with open(path, encoding="utf-8") as file:
    play(file.read(), addresses)
