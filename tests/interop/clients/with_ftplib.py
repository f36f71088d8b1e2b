"""The chores of tests/interop/clients/chores.rs, done with Python's ftplib; one argument, JSON."""
import ftplib
import json
import os
import ssl
import sys
from pathlib import Path

asked = json.loads(sys.argv[1])
here = Path(asked["here"])


class ImplicitTls(ftplib.FTP_TLS):
    """ftplib knows explicit TLS only; people wrap the socket as soon as it is there."""

    wrapped = None

    @property
    def sock(self):
        return self.wrapped

    @sock.setter
    def sock(self, value):
        if value is not None and not isinstance(value, ssl.SSLSocket):
            value = self.context.wrap_socket(value, server_hostname=self.host)
        self.wrapped = value


def log_in():
    if asked["tls"] == "none":
        ftp = ftplib.FTP(timeout=20)
    else:
        context = ssl.create_default_context(cafile=asked["authority"])
        version = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[asked["version"]]
        context.minimum_version = context.maximum_version = version
        kind = ImplicitTls if asked["tls"] == "implicit" else ftplib.FTP_TLS
        ftp = kind(context=context, timeout=20)
    ftp.connect(asked["host"], asked["port"])
    if asked["tls"] == "explicit":
        ftp.auth()
    if asked["tls"] != "none":
        assert ftp.sock.version() == "TLSv" + asked["version"], ftp.sock.version()
    # FTP_TLS would ask for TLS once more.
    ftplib.FTP.login(ftp, asked["user"], asked["password"])
    if asked["tls"] != "none":
        ftp.prot_p()
    ftp.set_pasv(not asked["active"])
    return ftp


def store_tree(ftp, local, remote):
    ftp.mkd(remote)
    for entry in sorted(os.scandir(local), key=lambda entry: entry.name):
        path = f"{remote}/{entry.name}"
        if entry.is_dir():
            store_tree(ftp, entry.path, path)
        else:
            with open(entry.path, "rb") as file:
                ftp.storbinary(f"STOR {path}", file)


def fetch_tree(ftp, remote, local):
    local.mkdir()
    for name, facts in list(ftp.mlsd(remote)):
        if facts["type"] == "dir":
            fetch_tree(ftp, f"{remote}/{name}", local / name)
        elif facts["type"] == "file":
            with open(local / name, "wb") as file:
                ftp.retrbinary(f"RETR {remote}/{name}", file.write)
            assert os.path.getsize(local / name) == int(facts["size"]), name


def main():
    ftp = log_in()
    with open(here / "up", "rb") as file:
        ftp.storbinary("STOR up", file)
    with open(here / "down", "wb") as file:
        ftp.retrbinary("RETR down", file.write)

    with open(here / "up", "rb") as file:
        offset = ftp.size("partial")
        file.seek(offset)
        ftp.storbinary("STOR partial", file, rest=offset)
    with open(here / "partial-down", "ab") as file:
        ftp.retrbinary("RETR down", file.write, rest=file.tell())

    store_tree(ftp, here / "tree", "tree-up")
    fetch_tree(ftp, "tree", here / "tree-down")

    ftp.rename("to-rename", "renamed it")
    ftp.delete("to-delete")
    assert ftp.mkd("made") == "/made"
    ftp.rmd("to-remove")

    assert "made" in ftp.nlst()
    lines = []
    ftp.retrlines("LIST", lines.append)
    assert any(line.endswith(" renamed it") for line in lines), lines
    ftp.quit()


main()
