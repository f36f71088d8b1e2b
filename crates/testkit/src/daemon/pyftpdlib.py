"""A pyftpdlib server for the interop suite: address port first last root user password fxp|default statements [pem]."""
import sys

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler, TLS_FTPHandler
from pyftpdlib.servers import FTPServer

address, port, first, last, root, user, password, fxp, statements, *pem = sys.argv[1:]
authorizer = DummyAuthorizer()
authorizer.add_user(user, password, root, perm="elradfmwMT")
handler = TLS_FTPHandler if pem else FTPHandler
handler.authorizer = authorizer
handler.permit_foreign_addresses = fxp == "fxp"
handler.passive_ports = range(int(first), int(last) + 1)
if pem:
    handler.certfile = pem[0]
server = FTPServer((address, int(port)), handler)
exec(statements)
server.serve_forever()
