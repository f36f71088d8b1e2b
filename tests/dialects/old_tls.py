"""A pyftpdlib server with the TLS of the year 2005: address port root user password pem version control|data.

`version` is the newest TLS that it speaks. With `data` the control connection is up to date and only data
connections are old.
"""
import sys

from OpenSSL import SSL
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import TLS_DTPHandler, TLS_FTPHandler
from pyftpdlib.servers import FTPServer

VERSIONS = {"1.0": SSL.TLS1_VERSION, "1.1": SSL.TLS1_1_VERSION, "1.2": SSL.TLS1_2_VERSION}

address, port, root, user, password, pem, version, where = sys.argv[1:]


def context(newest):
    made = SSL.Context(SSL.TLS_SERVER_METHOD)
    # Without this OpenSSL itself refuses such keys, digests and versions.
    made.set_cipher_list(b"ALL:@SECLEVEL=0")
    made.set_min_proto_version(SSL.TLS1_VERSION)
    made.set_max_proto_version(newest)
    made.use_certificate_file(pem)
    made.use_privatekey_file(pem)
    return made


class OldData(TLS_DTPHandler):
    def secure_connection(self, ssl_context):
        super().secure_connection(context(VERSIONS[version]))


class Handler(TLS_FTPHandler):
    if where == "data":
        dtp_handler = OldData

    @classmethod
    def get_ssl_context(cls):
        return context(SSL.TLS1_2_VERSION if where == "data" else VERSIONS[version])


Handler.authorizer = DummyAuthorizer()
Handler.authorizer.add_user(user, password, root, perm="elradfmwMT")
Handler.certfile = pem
FTPServer((address, int(port)), Handler).serve_forever()
