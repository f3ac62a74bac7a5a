"""Public and signed URLs, and who may do what by default."""

from clients import PNG, ClientTest, fixture, png_size, with_both_clients
from tokens import ANON, PUBLISHABLE_KEY, SERVICE, expired, new_user, token

FOX = fixture("golden/avatar-fox-256.png")
MISSING = ("404", "not_found", "Object not found")
DENIED = ("403", "Unauthorized", "new row violates row-level security policy")
NOT_THERE = "Either the object does not exist or you do not have access to it"


@with_both_clients
class Urls(ClientTest):
    async def test_public_urls_are_for_everyone(self):
        files, _ = await self.make_bucket(public=True)
        await files.upload("a/fox.png", FOX, PNG)
        self.assertEqual((await self.shown(await files.get_public_url("a/fox.png"))).content, FOX)
        transform = {"width": 100, "height": 50, "resize": "contain", "quality": 50}
        url = await files.get_public_url("a/fox.png", {"transform": transform})
        self.assertEqual(png_size((await self.shown(url)).content), (50, 50))
        webp = await self.shown(url, {"accept": "image/webp"})
        self.assertEqual(webp.headers["content-type"], "image/webp")
        url = await files.get_public_url("a/fox.png", {"download": "my fox.png"})
        self.assertIn("filename*=UTF-8''my%20fox.png", (await self.shown(url)).headers["content-disposition"])
        url = await files.get_public_url("a/fox.png", {"download": True})
        self.assertTrue((await self.shown(url)).headers["content-disposition"].startswith("attachment"))

    async def test_pictures_are_made_smaller_on_the_way(self):
        files, _ = await self.make_bucket()
        await files.upload("fox.png", FOX, PNG)
        for transform, size in (
            ({"width": 100}, (100, 100)),
            ({"width": 100, "height": 50, "resize": "cover"}, (100, 50)),
            ({"width": 100, "height": 50, "resize": "fill"}, (100, 50)),
            ({"width": 64, "format": "origin"}, (64, 64)),
        ):
            self.assertEqual(png_size(await files.download("fox.png", {"transform": transform})), size)
        wrong = files.download("fox.png", {"transform": {"width": -1}})
        await self.assert_refused(wrong, "400", "Error", "querystring/width must be >= 0")

    async def test_a_signed_url_opens_a_private_object(self):
        files, name = await self.make_bucket()
        await files.upload("a/fox.png", FOX, PNG)
        self.assertEqual((await self.get(await files.get_public_url("a/fox.png"))).status_code, 400)
        plain = await files.create_signed_url("a/fox.png", 600)
        self.assertTrue(plain["signedURL"].startswith(f"{self.url}/storage/v1/object/sign/{name}/a/fox.png?token="))
        self.assertEqual((await self.shown(plain["signedURL"])).content, FOX)
        options = {"transform": {"width": 60, "height": 30, "resize": "cover"}, "download": "small.png"}
        small = await files.create_signed_url("a/fox.png", 600, options)
        answer = await self.shown(small["signedURL"] + "&width=200")
        self.assertEqual(png_size(answer.content), (60, 30))
        self.assertIn("small.png", answer.headers["content-disposition"])
        other = await self.get(plain["signedURL"].replace("fox.png", "owl.png"))
        self.assertEqual(other.json()["error"], "InvalidSignature")
        await self.assert_refused(
            files.create_signed_url("a/fox.png", 0), "400", "Error", "body/expiresIn must be >= 1"
        )

    async def test_many_are_signed_at_once(self):
        files, _ = await self.make_bucket()
        await files.upload("fox.png", FOX, PNG)
        signed = await files.create_signed_urls(["fox.png", "none.png"], 600)
        errors = [(item["path"], item["error"]) for item in signed]
        self.assertEqual(errors, [("fox.png", None), ("none.png", NOT_THERE)])
        self.assertIsNone(signed[1]["signedURL"])
        self.assertEqual((await self.shown(signed[0]["signedURL"])).content, FOX)

    async def test_a_signed_upload_is_for_one_object_once(self):
        user, storage = await self.signed_in()
        avatars, path = storage.bucket("kinkster-avatars"), f"{user}/fox.png"
        signed = await avatars.create_signed_upload_url(path)
        self.assertEqual(signed["path"], path)
        stranger = (await self.anyone()).bucket("kinkster-avatars")
        made = await stranger.upload_to_signed_url(path, signed["token"], FOX, {**PNG, "metadata": {"a": 1}})
        self.assertEqual(made.full_path, f"kinkster-avatars/{path}")
        again = stranger.upload_to_signed_url(path, signed["token"], FOX, PNG)
        await self.assert_refused(again, "409", "Duplicate", "The resource already exists")
        else_where = stranger.upload_to_signed_url(f"{user}/else.png", signed["token"], FOX, PNG)
        await self.assert_refused(else_where, "400", "InvalidSignature", "Invalid signature")
        self.assertEqual((await avatars.info(path))["metadata"], {"a": 1})
        [removed] = await avatars.remove([path])
        self.assertEqual(removed["owner_id"], user)


@with_both_clients
class Callers(ClientTest):
    async def test_a_users_folder_is_theirs_and_closed_to_others(self):
        for bucket in ("kinkster-avatars", "task-proofs"):
            user, storage = await self.signed_in()
            own, path = storage.bucket(bucket), f"{user}/fox.png"
            await own.upload(path, FOX, PNG)
            await own.update(path, FOX, PNG)
            other, stranger = await self.signed_in()
            for files in (stranger.bucket(bucket), (await self.anyone()).bucket(bucket)):
                await self.assert_refused(files.upload(f"{user}/x.png", FOX, PNG), *DENIED)
                await self.assert_refused(files.update(path, FOX, PNG), *DENIED)
                await self.assert_refused(files.create_signed_upload_url(f"{user}/x.png"), *DENIED)
                await self.assert_refused(files.move(path, f"{other}/x.png"), *MISSING)
                await self.assert_refused(files.create_signed_url(path, 60), *MISSING)
                self.assertEqual(await files.list(user), [])
                self.assertEqual(await files.remove([path]), [])
            self.assertEqual(len(await own.remove([path])), 1)

    async def test_private_objects_are_read_by_their_owner_and_the_service_role(self):
        user, storage = await self.signed_in()
        own, path = storage.bucket("task-proofs"), f"{user}/fox.png"
        await own.upload(path, FOX, PNG)
        for files in (own, self.service.bucket("task-proofs")):
            self.assertEqual(await files.download(path), FOX)
            self.assertTrue(await files.exists(path))
        for stranger in (await self.anyone(), await self.with_key(PUBLISHABLE_KEY), (await self.signed_in())[1]):
            files = stranger.bucket("task-proofs")
            await self.assert_refused(files.download(path), *MISSING)
            await self.assert_refused(files.download(path, {"transform": {"width": 8}}), *MISSING)
            self.assertFalse(await files.exists(path))
        await own.remove([path])

    async def test_tokens_that_are_not_good_open_nothing(self):
        claims = {"role": "service_role"}
        swapped = SERVICE.split(".")
        swapped[1] = ANON.split(".")[1]
        for bad, message in (
            (expired(claims), '"exp" claim timestamp check failed'),
            (token(claims, "a secret that nobody here believes in"), "signature verification failed"),
            (".".join(swapped), "signature verification failed"),
            ("nonsense", "Invalid Compact JWS"),
        ):
            storage = await self.with_key(ANON, bad)
            files = storage.bucket("task-proofs")
            for call in (storage.list_buckets(), files.list(), files.upload("a.png", FOX, PNG), files.info("a.png")):
                await self.assert_refused(call, "403", "Unauthorized", message)
        unknown = await self.with_key("sb_secret_0123456789abcdef0123456789abcdef")
        await self.assert_refused(unknown.list_buckets(), "403", "Unauthorized", "Invalid API key")

    async def test_a_user_is_a_user_beside_whatever_key_the_app_has(self):
        user, bearer = new_user()
        for key in (ANON, PUBLISHABLE_KEY):
            files = (await self.with_key(key, bearer)).bucket("task-proofs")
            await files.upload(f"{user}/fox.png", FOX, PNG)
            self.assertEqual(len(await files.remove([f"{user}/fox.png"])), 1)
