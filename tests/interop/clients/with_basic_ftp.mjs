// The chores of tests/interop/clients/chores.rs, done with basic-ftp; one argument, JSON.
import { createRequire } from "node:module";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { strict as assert } from "node:assert";

const asked = JSON.parse(process.argv[2]);
const { Client } = createRequire(asked.modules)("basic-ftp");
const here = (name) => join(asked.here, name);

const client = new Client(20_000);
client.ftp.log = (line) => console.error(line);
client.ftp.verbose = true;
try {
  const version = `TLSv${asked.version}`;
  await client.access({
    host: asked.host,
    port: asked.port,
    user: asked.user,
    password: asked.password,
    secure: { none: false, explicit: true, implicit: "implicit" }[asked.tls],
    secureOptions:
      asked.tls === "none"
        ? undefined
        : { ca: readFileSync(asked.authority), minVersion: version, maxVersion: version },
  });
  if (asked.tls !== "none") {
    assert.equal(client.ftp.socket.getProtocol(), version);
  }

  await client.uploadFrom(here("up"), "up");
  await client.downloadTo(here("down"), "down");

  const offset = await client.size("partial");
  await client.appendFrom(here("up"), "partial", { localStart: offset });
  await client.downloadTo(here("partial-down"), "down", statSync(here("partial-down")).size);

  await client.uploadFromDir(here("tree"), "tree-up");
  await client.downloadToDir(here("tree-down"), "tree");

  await client.rename("to-rename", "renamed it");
  await client.remove("to-delete");
  await client.ensureDir("made");
  await client.cd("/");
  await client.removeDir("to-remove");

  const names = (await client.list()).map((entry) => entry.name);
  assert.ok(names.includes("made") && names.includes("renamed it"), names.join());
} finally {
  client.close();
}
