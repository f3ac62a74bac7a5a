"""A bucket's whole life."""

import datetime
import secrets

from storage3.exceptions import StorageApiError

from clients import PNG, ClientTest, fixture, with_both_clients
from tokens import ANON, SECRET_KEY, new_user

NO_BUCKET = ("404", "Bucket not found", "Bucket not found")
DENIED = ("403", "Unauthorized", "new row violates row-level security policy")
EXISTS = ("409", "Duplicate", "The resource already exists")


@with_both_clients
class Buckets(ClientTest):
    async def test_a_bucket_lives_from_its_making_to_its_removal(self):
        service, name = self.service, f"life-{secrets.token_hex(6)}"
        limits = {"public": True, "file_size_limit": "20mb", "allowed_mime_types": ["image/*"]}
        self.assertEqual(await service.create_bucket(name, options=limits), {"name": name})
        bucket = await service.get_bucket(name)
        shown = (bucket.id, bucket.name, bucket.public, bucket.file_size_limit, bucket.allowed_mime_types, bucket.type)
        self.assertEqual(shown, (name, name, True, 20_000_000, ["image/*"], "STANDARD"))
        age = datetime.datetime.now(datetime.timezone.utc) - bucket.created_at
        self.assertLess(abs(age.total_seconds()), 60)
        await self.assert_refused(service.create_bucket(name), *EXISTS)
        self.assertIn(name, [bucket.name for bucket in await service.list_buckets()])

        changed = await service.update_bucket(name, {"public": False, "allowed_mime_types": ["text/plain"]})
        self.assertEqual(changed, {"message": "Successfully updated"})
        after = await service.get_bucket(name)
        shown = (after.public, after.file_size_limit, after.allowed_mime_types)
        self.assertEqual(shown, (False, 20_000_000, ["text/plain"]))

        await service.bucket(name).upload("a/b.txt", b"text", {"content-type": "text/plain"})
        not_empty = ("409", "ResourceNotEmpty", "The bucket you tried to delete is not empty")
        await self.assert_refused(service.delete_bucket(name), *not_empty)
        emptied = "Empty bucket has been queued. Completion may take up to an hour."
        self.assertEqual(await service.empty_bucket(name), {"message": emptied})
        self.assertEqual(await service.delete_bucket(name), {"message": "Successfully deleted"})
        await self.assert_refused(service.get_bucket(name), *NO_BUCKET)
        await self.assert_refused(service.empty_bucket(name), *NO_BUCKET)
        await self.assert_refused(service.delete_bucket(name), *NO_BUCKET)

    async def test_limits_hold_for_every_upload(self):
        files, _ = await self.make_bucket(file_size_limit=1000, allowed_mime_types=["image/png", "text/plain"])
        await files.upload("exact.txt", b"x" * 1000)
        too_large = ("413", "Payload too large", "The object exceeded the maximum allowed size")
        await self.assert_refused(files.upload("more.txt", b"x" * 1001), *too_large)
        jpeg = files.upload("a.jpg", b"x", {"content-type": "image/jpeg"})
        await self.assert_refused(jpeg, "415", "invalid_mime_type", "mime type image/jpeg is not supported")
        self.assertEqual([entry["name"] for entry in await files.list()], ["exact.txt"])

    async def test_the_avatars_bucket_takes_whole_pictures_only(self):
        user, storage = await self.signed_in()
        avatars, fox = storage.bucket("kinkster-avatars"), fixture("photos/avatar-fox.png")
        html = avatars.upload(f"{user}/a.png", b"<html><script>", PNG)
        await self.assert_refused(html, "415", "invalid_mime_type", "mime type text/html is not supported")
        half = avatars.upload(f"{user}/a.png", fox[: len(fox) // 2], PNG)
        with self.assertRaises(StorageApiError) as raised:
            await half
        self.assertEqual((raised.exception.status, raised.exception.code), ("400", "InvalidRequest"))
        self.assertEqual(await avatars.list(user), [])

    async def test_buckets_are_the_service_roles_alone_by_default(self):
        _, name = await self.make_bucket()
        for stranger in (await self.anyone(), (await self.signed_in())[1]):
            self.assertEqual(await stranger.list_buckets(), [])
            await self.assert_refused(stranger.get_bucket(name), *NO_BUCKET)
            await self.assert_refused(stranger.create_bucket("mine"), *DENIED)
            await self.assert_refused(stranger.update_bucket(name, {"public": True}), *NO_BUCKET)
            await self.assert_refused(stranger.delete_bucket(name), *NO_BUCKET)

    async def test_secret_keys_count_as_the_service_role_and_users_as_themselves(self):
        storage = await self.with_key(SECRET_KEY)
        self.assertGreaterEqual(len(await storage.list_buckets()), 2)
        _, token = new_user()
        self.assertEqual(await (await self.with_key(SECRET_KEY, token)).list_buckets(), [])
        forged = await self.with_key(ANON[:-8] + "AAAAAAAA")
        await self.assert_refused(forged.list_buckets(), "403", "Unauthorized", "signature verification failed")
