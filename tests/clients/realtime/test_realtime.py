"""The realtime client of PyPI, which speaks protocol 1.0.0, against the real binary."""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import re
import subprocess
import tempfile
import time
import unittest

import httpx
from realtime import AsyncRealtimeClient, RealtimeSubscribeStates

SECRET = "a-secret-for-tests-of-at-least-32-bytes"
PROGRESS = "avatar_generation_progress"
# Seconds; longer than anything takes that is to come.
PATIENCE = 60


def token(role, subject=None, lifetime=600):
    def encoded(value):
        return base64.urlsafe_b64encode(value).rstrip(b"=").decode()

    now = int(time.time())
    claims = {"role": role, "sub": subject, "iat": now, "exp": now + lifetime}
    parts = [encoded(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims)]
    signed = ".".join(parts)
    return f"{signed}.{encoded(hmac.new(SECRET.encode(), signed.encode(), hashlib.sha256).digest())}"


class RealtimeTest(unittest.IsolatedAsyncioTestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="tintype-realtime-")
        self.addCleanup(self.folder.cleanup)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TINTYPE_")}
        environment["TINTYPE_JWT_SECRET"] = SECRET
        command = [os.environ["TINTYPE_BIN"], "serve", "--listen", "127.0.0.1:0", "--data", self.folder.name + "/data"]
        self.server = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.addCleanup(self.server.stdout.close)
        self.addCleanup(self.server.wait)
        self.addCleanup(self.server.kill)
        self.url = re.search(r"http://\S+", self.server.stdout.readline())[0]

    async def connect(self, subject=None):
        client = AsyncRealtimeClient(f"{self.url}/realtime/v1", token("anon"), hb_interval=1)
        await client.connect()
        self.addAsyncCleanup(client.close)
        if subject:
            await client.set_auth(token("authenticated", subject))
        return client

    async def join(self, client, topic, private):
        """The heard broadcasts, and the state that the join came to."""
        heard, states = asyncio.Queue(), asyncio.Queue()
        config = {"broadcast": {"ack": False, "self": True}, "presence": {"key": "", "enabled": False}, "private": private}
        channel = client.channel(topic, {"config": config})
        channel.on_broadcast(PROGRESS, heard.put_nowait)
        await channel.subscribe(lambda state, error: states.put_nowait((state, error)))
        state, error = await asyncio.wait_for(states.get(), PATIENCE)
        return channel, heard, states, state, error

    async def announce(self, topic, payload):
        message = {"topic": topic, "event": PROGRESS, "payload": payload, "private": True}
        headers = {"authorization": f"Bearer {token('service_role')}"}
        async with httpx.AsyncClient(timeout=PATIENCE) as client:
            url = f"{self.url}/realtime/v1/api/broadcast"
            answer = await client.post(url, json={"messages": [message]}, headers=headers)
        self.assertEqual(answer.status_code, 202)

    async def test_a_user_hears_progress_and_who_joins_late_the_last_state(self):
        _, heard, _, state, _ = await self.join(await self.connect("ann"), "user:ann:avatar", True)
        self.assertEqual(state, RealtimeSubscribeStates.SUBSCRIBED)
        await self.announce("user:ann:avatar", {"status": "generating"})
        self.assertEqual((await asyncio.wait_for(heard.get(), PATIENCE))["payload"], {"status": "generating"})
        _, heard, *_ = await self.join(await self.connect("ann"), "user:ann:avatar", True)
        self.assertEqual((await asyncio.wait_for(heard.get(), PATIENCE))["payload"], {"status": "generating"})

    async def test_another_user_is_refused_with_the_reason(self):
        *_, state, error = await self.join(await self.connect("bob"), "user:ann:avatar", True)
        self.assertEqual(state, RealtimeSubscribeStates.CHANNEL_ERROR)
        reason = "Unauthorized: You do not have permissions to read from this Channel topic: user:ann:avatar"
        self.assertIn(reason, str(error))

    async def test_broadcasts_pass_between_clients_and_heartbeats_keep_them(self):
        one, two = await self.connect(), await self.connect()
        channel, echo, *_ = await self.join(one, "room", False)
        _, heard, *_ = await self.join(two, "room", False)
        await asyncio.sleep(2.5)
        await channel.send_broadcast(PROGRESS, {"n": 1})
        for queue in (echo, heard):
            self.assertEqual((await asyncio.wait_for(queue.get(), PATIENCE))["payload"], {"n": 1})

    async def test_leaving_closes_the_channel(self):
        client = await self.connect()
        channel, _, states, state, _ = await self.join(client, "room", False)
        self.assertEqual(state, RealtimeSubscribeStates.SUBSCRIBED)
        await client.remove_channel(channel)
        self.assertEqual((await asyncio.wait_for(states.get(), PATIENCE))[0], RealtimeSubscribeStates.CLOSED)


if __name__ == "__main__":
    unittest.main()
