"""Runs SeaweedFS as an S3 server that checks signatures, until standard input ends.

    python3 object_server.py /path/to/weed

Once it answers, it prints the variables that the tests read, one NAME=value a line. Every port is a free one on
127.0.0.1, and everything is kept in a temporary folder.
"""

import contextlib
import ctypes
import json
import os
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

SERVERS = ("master", "volume", "filer", "s3")
ACCESS_KEY = "tintype-tests"


def free_ports(count):
    """Ports that are all free at the same time."""
    with contextlib.ExitStack() as held:
        listeners = [held.enter_context(socket.socket()) for _ in range(count)]
        for listener in listeners:
            listener.bind(("127.0.0.1", 0))
        return [listener.getsockname()[1] for listener in listeners]


def write_identities(folder, secret_key):
    """With identities, requests without a good signature are refused."""
    credentials = [{"accessKey": ACCESS_KEY, "secretKey": secret_key}]
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    path = os.path.join(folder, "identities.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"identities": [{"name": "tests", "credentials": credentials, "actions": actions}]}, file)
    return path


def end_with_parent():
    """Even a parent that is killed leaves no server behind. Only Linux can do this."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def start(weed, folder, secret_key):
    """Starts the server; returns the process, the port of S3 and the sockets that it makes outside the folder."""
    ports = dict(zip([part + kind for part in SERVERS for kind in (".port", ".port.grpc")], free_ports(8)))
    arguments = [f"-{name}={port}" for name, port in ports.items()]
    # By default it would report to its makers and serve catalogues on fixed ports.
    arguments += ["-master.telemetry=false", "-s3.port.iceberg=0", "-s3.port.lance=0"]
    # Every bucket takes a few volumes, empty ones no room.
    arguments += ["-filer", "-s3", "-volume.max=1000", "-master.volumeSizeLimitMB=64"]
    arguments += [f"-s3.config={write_identities(folder, secret_key)}"]
    arguments += [f"-{part}.localSocket={folder}/{part}.sock" for part in ("filer", "s3")]
    data = os.path.join(folder, "data")
    os.mkdir(data)
    with open(os.path.join(folder, "log"), "wb") as log:
        process = subprocess.Popen(
            [weed, "server", f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, "TMPDIR": folder},
            preexec_fn=end_with_parent,
        )
    sockets = [f"/tmp/seaweedfs-{part}-grpc-{ports[part + '.port.grpc']}.sock" for part in SERVERS]
    return process, ports["s3.port"], sockets


def wait_until_it_answers(process, endpoint, patience=60):
    """Without a signature the right answer is 403."""
    deadline = time.monotonic() + patience
    while process.poll() is None and time.monotonic() < deadline:
        try:
            urllib.request.urlopen(endpoint, timeout=5)
        except urllib.error.HTTPError as error:
            if error.code == 403:
                return True
        except OSError:
            pass
        time.sleep(0.05)
    return False


def serve(weed, folder):
    secret_key = secrets.token_hex(20)
    process, port, sockets = start(weed, folder, secret_key)
    endpoint = f"http://127.0.0.1:{port}"
    try:
        if not wait_until_it_answers(process, endpoint):
            with open(os.path.join(folder, "log"), encoding="utf-8", errors="replace") as log:
                sys.exit(f"the object server does not answer:\n{log.read()[-3000:]}")
        print(f"TINTYPE_TEST_S3={endpoint}")
        print(f"TINTYPE_TEST_S3_ACCESS_KEY={ACCESS_KEY}")
        print(f"TINTYPE_TEST_S3_SECRET_KEY={secret_key}", flush=True)
        while process.poll() is None:
            readable, _, _ = select.select([sys.stdin], [], [], 1)
            if readable and not os.read(sys.stdin.fileno(), 4096):
                break
    finally:
        # Asked kindly, it takes a quarter of a minute.
        process.kill()
        process.wait()
        for path in sockets:
            with contextlib.suppress(OSError):
                os.unlink(path)


def main():
    # The ways out below tidy up.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    folder = tempfile.mkdtemp(prefix="tintype-s3-")
    try:
        serve(sys.argv[1], folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
