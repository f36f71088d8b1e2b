"""One server's part of a data connection under PEER KEY, written from docs/spec/peer.md alone.

    peer_side.py --listen HOST      --tls client|server --role source|destination --key KEY FILE
    peer_side.py --connect HOST:PORT ...
    peer_side.py --vector PAGE      computes the test vector of the page anew

The passive side prints "listening HOST:PORT" and goes on listening until somebody has proven the key (with --once the
first one decides); the active side prints "connected" before it begins with TLS. A source sends FILE, a destination
writes it; a file that was not proven or is not whole is never there. KEY is as on the wire. The last line tells the
outcome, and so does the exit code: 0 done, 1 the other end refused or has not proven itself, 3 the network or TLS.

With --tag it misbehaves: "wrong" proves another key, "own-role" claims to be what the other end is, "truncated" stops
in the middle of the tag, "long" sends a tag with one byte in front of it, "reflected" gives the other end its own tag
back (as TLS client, where that one has said nothing yet: the tag that it would answer), "none" says nothing. With
--alpn it offers or selects another protocol, or none ("-").

Needs pyOpenSSL: the ssl module of Python cannot export keying material. Sections in comments are those of the page.
"""
import argparse
import base64
import datetime
import hashlib
import hmac
import os
import re
import signal
import socket
import struct
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from OpenSSL import SSL

ALPN = b"fxp-data/1"
LABEL = b"EXPERIMENTAL-FXP-DATA"
TAG = 32
# For everything: a test that hangs is to end, and one on a busy machine is not.
DEADLINE = 300


class Unproven(Exception):
    """The other end is not the one that it should be, or does not take us for the right one."""


class Broken(Exception):
    """The connection ended before the file did."""


# ---- the proof: 6.1, 8.2 ----

def key_of(text):
    """The 32 octets of a key on the wire, in its one spelling."""
    if not re.fullmatch("[A-Za-z0-9_-]{43}", text):
        raise ValueError("a key is 43 characters of base64url")
    key = base64.urlsafe_b64decode(text + "=")
    if base64.urlsafe_b64encode(key).rstrip(b"=").decode() != text:
        raise ValueError("the last character sets bits that have no meaning")
    return key


def tag(key, tls, role, x):
    """What the end sends that is `tls` in the handshake and `role` in the transfer."""
    return hmac.new(key, f"fxp-data/1 {tls} {role}".encode() + x, hashlib.sha256).digest()


def other(word):
    pairs = [("client", "server"), ("source", "destination")]
    return dict(pairs + [pair[::-1] for pair in pairs])[word]


# ---- the test vector: 8.5 ----

def expand_label(secret, label, context, length):
    """HKDF-Expand-Label of TLS 1.3 with SHA-256, for no more than one block."""
    label = b"tls13 " + label
    info = struct.pack(">HB", length, len(label)) + label + struct.pack(">B", len(context)) + context
    return hmac.new(secret, info + b"\x01", hashlib.sha256).digest()[:length]


def vector(page):
    """Reads the page's values, computes what can be computed, and compares."""
    with open(page, encoding="utf-8") as file:
        block = file.read().split("<!-- vector -->")[1]
    given = dict(re.findall(r"^(\w+) *= (\S+)$", block, re.MULTILINE))
    key, nothing = bytes.fromhex(given["key"]), hashlib.sha256(b"").digest()
    secret = bytes.fromhex(given["exporter_master_secret"])
    derived = expand_label(secret, LABEL, nothing, 32)
    x = expand_label(derived, b"exporter", nothing, 32)
    computed = {
        "key": key_of(given["key_on_the_wire"]).hex(),
        "exporter_master_secret": secret.hex(),
        "key_on_the_wire": base64.urlsafe_b64encode(key).rstrip(b"=").decode(),
        "label": LABEL.decode(),
        "derived_secret": derived.hex(),
        "x": x.hex(),
    }
    for tls in ("client", "server"):
        for role in ("source", "destination"):
            computed[f"{tls}_tag_{role}"] = tag(key, tls, role, x).hex()
    for name in sorted(computed.keys() | given.keys()):
        if computed.get(name) != given.get(name):
            sys.exit(f"{name}: the page says {given.get(name)}, computed {computed.get(name)}")
    print(f"{len(computed)} values as on the page")


# ---- TLS: 8.1 ----

def context(tls, alpn):
    made = SSL.Context(SSL.TLS_CLIENT_METHOD if tls == "client" else SSL.TLS_SERVER_METHOD)
    made.set_min_proto_version(SSL.TLS1_3_VERSION)
    # It is used for this connection alone, so nothing can be resumed. (That tickets are given out all the same,
    # pyOpenSSL offers no way to prevent.)
    made.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    # Any certificate will do. That its key has signed the handshake is checked nevertheless.
    made.set_verify(SSL.VERIFY_NONE)
    if tls == "client":
        if alpn:
            made.set_alpn_protos([alpn])
        return made
    key = ec.generate_private_key(ec.SECP256R1())
    made.use_privatekey(key)
    made.use_certificate(certificate(key))

    def select(_, offered):
        if not alpn:
            return SSL.NO_OVERLAPPING_PROTOCOLS
        if alpn not in offered:
            raise Unproven(f"the other end offers {offered}")
        return alpn

    made.set_alpn_select_callback(select)
    return made


def certificate(key):
    """Made for data connections, and says nothing."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "data")])
    now = datetime.datetime.now(datetime.timezone.utc)
    day = datetime.timedelta(days=1)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - day, now + day)
    return made.sign(key, hashes.SHA256())


# ---- one connection: 8.3, 10.3 ----

class End:
    """One end of a connected socket."""

    def __init__(self, options, tcp):
        self.options, self.tcp = options, tcp
        tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.tls = SSL.Connection(context(options.tls, options.alpn), tcp)

    def shake_hands(self):
        is_client = self.options.tls == "client"
        (self.tls.set_connect_state if is_client else self.tls.set_accept_state)()
        self.tls.do_handshake()
        if self.options.alpn == ALPN and self.tls.get_alpn_proto_negotiated() != ALPN:
            raise Unproven("the other end does not speak fxp-data/1")

    def prove(self):
        """Shows our tag and sees the other's; the TLS client shows first, the TLS server only to who has shown."""
        options = self.options
        x = self.tls.export_keying_material(LABEL, 32)
        expected = tag(options.key, other(options.tls), other(options.role), x)
        if options.tls == "client":
            self.show(x, None)
        shown = b""
        while len(shown) < TAG and (more := self.read(TAG - len(shown))):
            shown += more
        if options.tag == "right" and not hmac.compare_digest(shown, expected):
            raise Unproven(f"no proof, but {len(shown)} octets")
        if options.tls == "server":
            self.show(x, shown)

    def show(self, x, theirs):
        """Our tag, or what passes for one."""
        options = self.options
        right = tag(options.key, options.tls, options.role, x)
        shown = {
            "right": right,
            "wrong": tag(bytes(32), options.tls, options.role, x),
            "own-role": tag(options.key, options.tls, other(options.role), x),
            "truncated": right[:TAG // 2],
            "long": b"\0" + right,
            "reflected": theirs or tag(options.key, other(options.tls), other(options.role), x),
            "none": b"",
        }[options.tag]
        if shown:
            self.tls.sendall(shown)
        if options.tag in ("truncated", "none"):
            self.end()

    def read(self, most):
        """Payload; nothing at close_notify."""
        try:
            return self.tls.recv(most)
        except SSL.ZeroReturnError:
            return b""

    def end(self):
        """No more from us: close_notify, and the end of our half of the stream."""
        self.tls.shutdown()
        self.tcp.shutdown(socket.SHUT_WR)

    def send(self, content):
        self.tls.sendall(content)
        self.end()
        # A socket that is closed with unread bytes resets, and what is on its way is lost.
        try:
            while self.read(4096):
                pass
        except SSL.SysCallError as error:
            # The end of the stream without close_notify is fine here; a reset is not.
            if error.args != (-1, "Unexpected EOF"):
                raise

    def receive(self):
        content = bytearray()
        while more := self.read(1 << 16):
            content += more
        self.end()
        return content


def serve(options, tcp, content):
    """One connection, proven and used. Nothing has happened to the file if this raises."""
    end = End(options, tcp)
    try:
        end.shake_hands()
        try:
            end.prove()
        except SSL.Error as error:
            raise Unproven(f"the other end has hung up: {error!r}") from error
        print("proven", flush=True)
        if options.role == "source":
            end.send(content)
        else:
            content = end.receive()
            with open(options.file, "wb") as file:
                file.write(content)
        return len(content)
    except SSL.Error as error:
        raise Broken(repr(error)) from error
    finally:
        # Whatever has not ended in the orderly way is reset: it must not look like an empty file.
        if end.tls.get_shutdown() != SSL.SENT_SHUTDOWN | SSL.RECEIVED_SHUTDOWN:
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        tcp.close()


def play(options):
    content = b""
    if options.role == "source":
        # Before anything else: a file that is not there must never get as far as a tag.
        with open(options.file, "rb") as file:
            content = file.read()
    if options.connect:
        host, _, port = options.connect.rpartition(":")
        source = (options.source, 0) if options.source else None
        tcp = socket.create_connection((host.strip("[]"), int(port)), source_address=source)
        print("connected", flush=True)
        return serve(options, tcp, content)
    family = socket.AF_INET6 if ":" in options.listen else socket.AF_INET
    with socket.create_server((options.listen, 0), family=family) as listener:
        host, port = listener.getsockname()[:2]
        print(f"listening {f'[{host}]' if ':' in host else host}:{port}", flush=True)
        while True:
            tcp, _ = listener.accept()
            try:
                return serve(options, tcp, content)
            except (Unproven, Broken) as error:
                # A stranger must not end the transfer; who misbehaves has had its chance.
                if options.tag != "right" or options.alpn != ALPN or options.once:
                    raise
                print(f"stranger: {error}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vector", metavar="PAGE")
    parser.add_argument("--listen", metavar="HOST")
    parser.add_argument("--connect", metavar="HOST:PORT")
    parser.add_argument("--source", metavar="HOST", help="the address to connect from")
    parser.add_argument("--tls", choices=["client", "server"])
    parser.add_argument("--role", choices=["source", "destination"])
    parser.add_argument("--key", type=key_of)
    tags = ["right", "wrong", "own-role", "truncated", "long", "reflected", "none"]
    parser.add_argument("--tag", choices=tags, default="right")
    parser.add_argument("--alpn", type=lambda name: b"" if name == "-" else name.encode(), default=ALPN)
    parser.add_argument("--once", action="store_true", help="the first connection decides")
    parser.add_argument("file", metavar="FILE", nargs="?")
    options = parser.parse_args()
    if options.vector:
        return vector(options.vector)
    if bool(options.listen) == bool(options.connect):
        parser.error("either --listen or --connect")
    if not (options.tls and options.role and options.key and options.file):
        parser.error("--tls, --role, --key and FILE are needed")
    signal.alarm(DEADLINE)
    try:
        print(f"done: {play(options)} bytes", flush=True)
    except Unproven as error:
        print(f"refused: {error}", flush=True)
        sys.exit(1)
    except (Broken, OSError) as error:
        print(f"broken: {error}", flush=True)
        sys.exit(3)


if __name__ == "__main__":
    main()
