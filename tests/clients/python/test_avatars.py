"""The avatar app's walk with the clients of PyPI: join, invoke, hear every state, find the picture and the row."""

import asyncio
import itertools
import unittest

import httpx
from realtime import RealtimeSubscribeStates
from supabase import AsyncClientOptions, acreate_client
from supabase_functions.errors import FunctionsHttpError

from clients import png_size
from server import served
from tokens import ANON, new_user

EVENT = "avatar_generation_progress"
FUNCTION = "generate-kinkster-avatar"
STATUSES = ["generating", "downloading", "uploading", "completed"]
# Seconds; longer than anything takes that is to come.
PATIENCE = 60
# However slow the machine: the end is told when the first views are there.
PAINTED = {"TINTYPE_AVATARS__PROVIDER": "painter", "TINTYPE_EVENTS__WARM_WAIT_MS": "60000"}


class AvatarTest(unittest.IsolatedAsyncioTestCase):
    @classmethod
    def setUpClass(cls):
        cls.url = cls.enterClassContext(served(PAINTED))

    async def app(self):
        """A new user, and supabase-py signed in as that user."""
        user, token = new_user()
        http_client = await self.enterAsyncContext(httpx.AsyncClient(timeout=30))
        headers = {"Authorization": f"Bearer {token}"}
        options = AsyncClientOptions(headers=headers, httpx_client=http_client, auto_refresh_token=False)
        app = await acreate_client(self.url, ANON, options)
        await app.realtime.set_auth(token)
        self.addAsyncCleanup(app.realtime.close)
        return user, app

    async def join(self, app, topic):
        """What is heard of the topic, the state of the join, and its reason if it was refused."""
        heard, states = asyncio.Queue(), asyncio.Queue()
        config = {"broadcast": {"ack": True, "self": True}, "presence": {"key": "", "enabled": False}, "private": True}
        channel = app.channel(topic, {"config": config})
        channel.on_broadcast(EVENT, heard.put_nowait)
        await channel.subscribe(lambda state, error: states.put_nowait((state, error)))
        return heard, *(await asyncio.wait_for(states.get(), PATIENCE))

    async def told_of(self, heard):
        """What is told of one job, up to its end."""
        told = []
        while not told or told[-1]["status"] not in ("completed", "error"):
            told.append((await asyncio.wait_for(heard.get(), PATIENCE))["payload"])
        return told

    async def test_an_app_hears_every_state_in_order_and_finds_what_was_stored(self):
        user, app = await self.app()
        inserted = await app.table("kinksters").insert({"user_id": user, "name": "Rook"}).execute()
        kinkster = inserted.data[0]["id"]
        heard, state, _ = await self.join(app, f"kinkster:{kinkster}:avatar")
        self.assertEqual(state, RealtimeSubscribeStates.SUBSCRIBED)
        body = {"user_id": user, "kinkster_id": kinkster, "character_data": {"name": "Rook"}}
        accepted = await app.functions.invoke(FUNCTION, {"body": body, "responseType": "json"})
        self.assertEqual((accepted["status"], accepted["kinkster_id"]), ("processing", kinkster))
        told = await self.told_of(heard)
        self.assertEqual([status for status, _ in itertools.groupby(told, lambda payload: payload["status"])], STATUSES)
        self.assertEqual({payload["job_id"] for payload in told}, {accepted["job_id"]})
        path, url = told[-1]["storage_path"], told[-1]["storage_url"]
        storage = app.storage.from_("kinkster-avatars")
        self.assertEqual(png_size(await storage.download(path)), (1024, 1024))
        listed = await storage.list(f"{user}/kinksters")
        self.assertEqual([entry["name"] for entry in listed], [path.rsplit("/", 1)[1]])
        selected = await app.table("kinksters").select("avatar_url").eq("id", kinkster).execute()
        self.assertEqual(selected.data, [{"avatar_url": url}])
        async with httpx.AsyncClient(timeout=30) as client:
            view = await client.get(url.replace("/object/", "/render/image/"), params={"width": 64, "quality": 75})
        self.assertEqual((view.status_code, png_size(view.content)), (200, (64, 64)))

    async def test_another_users_topics_are_refused_and_silent(self):
        ann, anns = await self.app()
        _, bobs = await self.app()
        foreign, state, error = await self.join(bobs, f"user:{ann}:avatar")
        self.assertEqual(state, RealtimeSubscribeStates.CHANNEL_ERROR)
        self.assertIn("Unauthorized: You do not have permissions to read from this Channel topic", str(error))
        heard, *_ = await self.join(anns, f"user:{ann}:avatar")
        await anns.functions.invoke(FUNCTION, {"body": {"user_id": ann, "character_data": {"name": "Rook"}}})
        self.assertEqual((await self.told_of(heard))[-1]["status"], "completed")
        self.assertTrue(foreign.empty())

    async def test_refusals_come_as_the_client_tells_them(self):
        user, app = await self.app()
        _, other = await self.app()
        for client, body, status, message in [
            (app, {}, 400, "user_id is required"),
            (app, {"user_id": user}, 400, "character_data is required"),
            (other, {"user_id": user, "character_data": {"name": "Rook"}}, 403, "You may only do this for yourself"),
        ]:
            with self.assertRaises(FunctionsHttpError) as raised:
                await client.functions.invoke(FUNCTION, {"body": body})
            self.assertEqual((raised.exception.status, raised.exception.message), (status, message))


if __name__ == "__main__":
    unittest.main()
