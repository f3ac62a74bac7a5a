"""The server that the clients talk to: the real binary on a free port, with a data folder of its own.

TINTYPE_BIN, TINTYPE_TEST_ENV and TINTYPE_TEST_BEHIND mean what ../support/server.js says of them.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import tempfile
import threading

from tokens import PUBLISHABLE_KEY, SECRET, SECRET_KEY

LISTENING = re.compile(r"listening on (http://[^\s/]+)")
# Seconds.
START = 60
DRAIN = 10

SETTINGS = {
    # Answers are compared byte by byte.
    "TINTYPE_RENDER__REFINE": "false",
    "TINTYPE_JWT_SECRET": SECRET,
    "TINTYPE_AUTH__PUBLISHABLE_KEYS": PUBLISHABLE_KEY,
    "TINTYPE_AUTH__SECRET_KEYS": SECRET_KEY,
}


def clean_environment():
    """This process's environment without what would configure tintype from outside."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TINTYPE_")}


@contextlib.contextmanager
def served_by_one(environment):
    """Starts one server; its URL. It must drain when it is asked to end."""
    binary = os.environ.get("TINTYPE_BIN")
    if not binary:
        raise RuntimeError("TINTYPE_BIN names no tintype binary. deploy/test builds one and sets it.")
    with tempfile.TemporaryDirectory(prefix="tintype-clients-") as folder:
        log_path = os.path.join(folder, "log")
        with open(log_path, "wb") as log:
            process = subprocess.Popen(
                [os.path.abspath(binary), "serve", "--listen", "127.0.0.1:0", "--data", os.path.join(folder, "data")],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**clean_environment(), **SETTINGS, **environment},
            )
        try:
            yield url_of(process, log_path)
            process.send_signal(signal.SIGTERM)
            assert process.wait(DRAIN) == 0, read(log_path)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


def url_of(process, log_path):
    """The URL that the server prints. One that prints nothing is ended, and with it the waiting."""
    patience = threading.Timer(START, process.kill)
    patience.start()
    try:
        for line in process.stdout:
            if match := LISTENING.search(line):
                return match[1]
        raise RuntimeError(f"the server does not listen:\n{read(log_path)}")
    finally:
        patience.cancel()


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()[-5000:]


@contextlib.contextmanager
def served(environment=None):
    """Starts tintype as the variables say, and as `environment` says beside them; its URL."""
    environment = environment or {}
    given, behind = os.environ.get("TINTYPE_TEST_ENV", "{}"), os.environ.get("TINTYPE_TEST_BEHIND")
    with contextlib.ExitStack() as running:
        if behind:
            given = given.replace("{behind}", running.enter_context(served_by_one({**json.loads(behind), **environment})))
        yield running.enter_context(served_by_one({**json.loads(given), **environment}))
