"""Generates docs/errors.md and docs/settings.md from the code, or with --check tells whether they are up to date."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

from streamsvc.cli.serve_command import NO_OPTIONS
from streamsvc.errors import all_errors
from streamsvc.settings import PREFIX, Settings, show
from streamsvc.store.redis.check import PERMISSIONS

DOCS = Path(__file__).resolve().parent.parent / "docs"

ERRORS = """# Errors

Every RPC error is a `google.rpc.Status` with an `ErrorInfo` of domain `streamsvc`; every value that its message
mentions is in its metadata too. `BadRequest` names the fields of an INVALID_ARGUMENT, `RetryInfo` the wait (jittered)
of an UNAVAILABLE or RESOURCE_EXHAUSTED. Made from `streamsvc/errors.py` by `make docs`.

| reason | code | what happened | what to do |
|---|---|---|---|
"""

SETTINGS = """# Settings

The command line wins over the environment, that over `streamsvc.toml` in the working directory, that over the
default. A setting `name_of_it` is `--name-of-it` on the command line, `{prefix}NAME_OF_IT` in the environment and
`name_of_it` in the file. Only {no_options} are no options: a command
line has no room for a table, and everybody on the machine can read it. Durations are written `250ms`, `10s`, `5m`,
`1h`, `7d` or as a number of seconds; sizes `64KiB`, `1MiB`, `1GiB` or as a number of bytes. `streamsvc serve
--print-config` shows what is in force, and where it comes from. Made from `streamsvc/settings.py` by `make docs`.

| setting | default | meaning |
|---|---|---|
"""

STORE = """
## Where logs are kept

| `store` | what it is |
|---|---|
| `memory` | this process; nothing is left when it ends |
| `redis://[user:password@]host[:port][/db]` | one Redis server, 7.0 or newer |
| `redis+cluster://[user:password@]host:port,host:port` | a Redis Cluster; some of its nodes |
| `redis+sentinel://[user:password@]host:port,host:port/master_name[/db]` | a primary behind these Sentinels |

`rediss` in place of `redis` is TLS, for Sentinels too. In a user or password `/ ? # @ :` are written `%2F %3F %23 %40
%3A`. The four names that are known from LibreChat do the same where `store` is not set, with the prefix `{prefix}` or
without it: `USE_REDIS=true` and `REDIS_URI` (one URI, or several joined by commas: a cluster's);
`USE_REDIS_CLUSTER=true` if a single URI is a cluster's; and `USE_REDIS_STREAMS`, which decides in place of `USE_REDIS`
where it is set.

At its start the service tries all that it will need. What it cannot use is one sentence and exit code 1 within five
seconds; with `--wait-for-store` it is a warning, and the service goes on trying. `maxmemory-policy` has to be
`noeviction`: another one throws running jobs away. A user of its own needs no more than

```
ACL SETUSER streamsvc on >PASSWORD ~{prefix_of_keys}:* &{prefix_of_keys}:* {permissions}
```

for the `redis_key_prefix` {prefix_of_keys}. Nothing outside that prefix is read or written.
"""


def errors() -> str:
    """Return docs/errors.md."""
    rows = [
        f"| {cls.reason} | {cls.code} | {(inspect.getdoc(cls) or '').splitlines()[0]} | {cls.advice} |"
        for cls in all_errors()
        if cls.__module__ == "streamsvc.errors"
    ]
    return ERRORS + "\n".join(rows) + "\n"


def settings() -> str:
    """Return docs/settings.md."""
    rows = [
        f"| `{name}` | {show(field.default)} | {field.description} |" for name, field in Settings.model_fields.items()
    ]
    no_options = ", ".join(f"`{name}`" for name in NO_OPTIONS)
    table = SETTINGS.format(prefix=PREFIX, no_options=no_options) + "\n".join(rows) + "\n"
    prefix_of_keys = show(Settings.model_fields["redis_key_prefix"].default)
    return table + STORE.format(prefix=PREFIX, prefix_of_keys=prefix_of_keys, permissions=PERMISSIONS)


def main() -> int:
    """Write the files, or compare them."""
    stale = []
    for name, text in (("errors.md", errors()), ("settings.md", settings())):
        path = DOCS / name
        if "--check" not in sys.argv:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            stale.append(f"docs/{name}")
    if stale:
        print(f"not up to date: {', '.join(stale)}; run `make docs`")
    return len(stale)


if __name__ == "__main__":
    sys.exit(main())
