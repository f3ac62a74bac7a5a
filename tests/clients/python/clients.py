"""The real clients, synchronous and asynchronous, behind one way of calling them: everything is awaited."""

import inspect
import logging
import pathlib
import secrets
import struct
import unittest

import httpx
from storage3.exceptions import StorageApiError
from supabase import AsyncClientOptions, acreate_client, create_client
from supabase.lib.client_options import SyncClientOptions

from server import served
from tokens import ANON, SERVICE, new_user

FIXTURES = pathlib.Path(__file__).resolve().parents[3] / "fixtures"
PNG = {"content-type": "image/png"}

# It would tell of every call of the synchronous client that it holds up the loop.
logging.getLogger("asyncio").setLevel(logging.ERROR)


def fixture(name):
    return (FIXTURES / name).read_bytes()


def png_size(picture):
    """(width, height) of a PNG, by its header."""
    assert picture[1:4] == b"PNG", picture[:16]
    return struct.unpack(">II", picture[16:24])


class Settled:
    """A client whose every method can be awaited, whether it is asynchronous itself or not."""

    def __init__(self, client):
        self._client = client

    def __getattr__(self, name):
        method = getattr(self._client, name)

        async def call(*arguments, **named):
            answer = method(*arguments, **named)
            return await answer if inspect.isawaitable(answer) else answer

        return call

    def bucket(self, name):
        return Settled(self._client.from_(name))


class ClientTest(unittest.IsolatedAsyncioTestCase):
    """A test that has the service role's storage as `self.service`, and makes others."""

    asynchronous = False
    url = None

    @classmethod
    def setUpClass(cls):
        cls.url = cls.enterClassContext(served())

    async def asyncSetUp(self):
        self.service = await self.with_key(SERVICE)

    async def with_key(self, key, bearer=None):
        """The storage of a client with this key; `bearer` is the token of who is signed in."""
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        if self.asynchronous:
            http_client = await self.enterAsyncContext(httpx.AsyncClient(timeout=30))
            options = AsyncClientOptions(headers=headers, httpx_client=http_client, auto_refresh_token=False)
            return Settled((await acreate_client(self.url, key, options)).storage)
        http_client = self.enterContext(httpx.Client(timeout=30))
        options = SyncClientOptions(headers=headers, httpx_client=http_client, auto_refresh_token=False)
        return Settled(create_client(self.url, key, options).storage)

    async def anyone(self):
        return await self.with_key(ANON)

    async def signed_in(self):
        """A new user: (id, storage)."""
        user, token = new_user()
        return user, await self.with_key(ANON, token)

    async def make_bucket(self, **options):
        """Makes a bucket for one test, which goes after it; the bucket and its name."""
        name = f"clients-{secrets.token_hex(6)}"
        await self.service.create_bucket(name, options={"public": False, **options})
        self.addAsyncCleanup(self.remove_bucket, name)
        return self.service.bucket(name), name

    async def remove_bucket(self, name):
        await self.service.empty_bucket(name)
        await self.service.delete_bucket(name)

    async def assert_refused(self, call, status, code, message):
        """Asserts a refusal as the client tells it: the envelope's status, error and message."""
        with self.assertRaises(StorageApiError) as raised:
            await call
        error = raised.exception
        self.assertEqual((error.status, error.code, error.message), (status, code, message))

    async def get(self, url, headers=None):
        async with httpx.AsyncClient(timeout=30) as client:
            return await client.get(url, headers=headers)

    async def shown(self, url, headers=None):
        """What a URL answers, which must be 200."""
        answer = await self.get(url, headers)
        self.assertEqual(answer.status_code, 200, f"{url}: {answer.content[:300]}")
        return answer


def with_both_clients(suite):
    """Makes a suite a test of the asynchronous client as well."""
    both = type(f"Async{suite.__name__}", (suite,), {"asynchronous": True, "__module__": suite.__module__})
    inspect.getmodule(suite).__dict__[both.__name__] = both
    return suite
