"""An object's whole life, below names of every kind."""

import json
import pathlib
import tempfile

from clients import PNG, ClientTest, fixture, png_size, with_both_clients

MISSING = ("404", "not_found", "Object not found")
EXISTS = ("409", "Duplicate", "The resource already exists")
NO_BUCKET = ("404", "Bucket not found", "Bucket not found")
TEXT = "text/plain;charset=UTF-8"
FOX = fixture("golden/avatar-fox-256.png")
CUP = fixture("golden/coffee-cup-256.png")

KEYS = [
    "with space.png", "it's (1).png", "a&b=c.png", "$5@home;x:y,z.png", "a+b.png", "!star*.png", "why?.png",
    "deep/er/.hidden", "a?b=c&token=d.png", "_/!.*'() &$=@;:+,?-",
]  # fmt: skip


def names(entries):
    return [entry["name"] for entry in entries]


@with_both_clients
class Objects(ClientTest):
    async def test_every_form_of_a_file_arrives_whole(self):
        files, name = await self.make_bucket()
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        path = folder / "fox.png"
        path.write_bytes(FOX)
        forms = {
            "bytes": lambda: FOX,
            "path": lambda: path,
            "text": lambda: str(path),
            "reader": lambda: self.enterContext(path.open("rb")),
            "raw": lambda: self.enterContext(path.open("rb", buffering=0)),
        }
        options = {**PNG, "cache-control": "60", "metadata": {"camera": "Ünïcode"}}
        for form, body in forms.items():
            made = await files.upload(f"f/{form}.png", body(), options)
            self.assertEqual((made.path, made.full_path), (f"f/{form}.png", f"{name}/f/{form}.png"))
            self.assertEqual(await files.download(f"f/{form}.png"), FOX, form)
            info = await files.info(f"f/{form}.png")
            expected = {
                "name": f"f/{form}.png",
                "bucket_id": name,
                "size": len(FOX),
                "content_type": "image/png",
                "cache_control": "max-age=60",
                "metadata": {"camera": "Ünïcode"},
            }
            self.assertEqual({key: info[key] for key in expected}, expected)

    async def test_a_second_upload_needs_upsert(self):
        files, _ = await self.make_bucket()
        await files.upload("a.txt", b"one")
        before = await files.info("a.txt")
        self.assertEqual((before["content_type"], before["cache_control"]), (TEXT, "max-age=3600"))
        await self.assert_refused(files.upload("a.txt", b"two"), *EXISTS)
        self.assertEqual(await files.download("a.txt"), b"one")
        await files.upload("a.txt", b"two", {"upsert": "true"})
        self.assertEqual(await files.download("a.txt"), b"two")
        await files.update("a.txt", b"three")
        after = await files.info("a.txt")
        self.assertEqual((after["id"], after["created_at"], after["size"]), (before["id"], before["created_at"], 5))
        self.assertNotEqual((after["etag"], after["version"]), (before["etag"], before["version"]))

    async def test_what_is_not_there_is_not_found(self):
        files, _ = await self.make_bucket()
        await self.assert_refused(files.download("none.txt"), *MISSING)
        await self.assert_refused(files.info("none.txt"), *MISSING)
        await self.assert_refused(files.move("none.txt", "b.txt"), *MISSING)
        await self.assert_refused(files.copy("none.txt", "b.txt"), *MISSING)
        await self.assert_refused(files.create_signed_url("none.txt", 60), *MISSING)
        self.assertFalse(await files.exists("none.txt"))
        self.assertEqual(await files.remove(["none.txt"]), [])
        nowhere = self.service.bucket("not-a-bucket")
        await self.assert_refused(nowhere.upload("a.txt", b"x"), *NO_BUCKET)
        await self.assert_refused(nowhere.download("a.txt"), *NO_BUCKET)

    async def test_an_object_moves_is_copied_and_removed(self):
        files, name = await self.make_bucket()
        await files.upload("a.txt", b"text", {"metadata": {"a": 1}})
        moved = await files.move("a.txt", "deep/b.txt")
        self.assertEqual((moved["message"], moved["Key"]), ("Successfully moved", f"{name}/deep/b.txt"))
        self.assertEqual((await files.copy("deep/b.txt", "c.txt"))["Key"], f"{name}/c.txt")
        await self.assert_refused(files.copy("c.txt", "deep/b.txt"), *EXISTS)
        await self.assert_refused(files.move("c.txt", "deep/b.txt"), *EXISTS)
        self.assertEqual((await files.info("c.txt"))["metadata"], {"a": 1})
        self.assertTrue(await files.exists("deep/b.txt"))
        self.assertFalse(await files.exists("a.txt"))
        removed = await files.remove(["deep/b.txt", "a.txt", "c.txt"])
        self.assertEqual(sorted(names(removed)), ["c.txt", "deep/b.txt"])
        self.assertEqual(await files.list(), [])

    async def test_every_allowed_character_may_stand_in_a_key(self):
        files, name = await self.make_bucket(public=True)
        picture = fixture("formats/palette.png")
        small = {"transform": {"width": 8, "height": 8}}
        for key in KEYS:
            with self.subTest(key=key):
                self.assertEqual((await files.upload(key, picture, PNG)).full_path, f"{name}/{key}")
                self.assertEqual((await files.info(key))["name"], key)
                self.assertEqual(await files.download(key), picture)
                self.assertEqual(png_size(await files.download(key, small)), (8, 8))
                public = await files.get_public_url(key)
                self.assertEqual((await self.shown(public)).content, picture)
                signed = await files.create_signed_url(key, 60)
                [many] = await files.create_signed_urls([key], 60, {"download": "x.png"})
                for url in (signed["signedURL"], many["signedURL"]):
                    self.assertEqual((await self.shown(url)).content, picture, url)
                folder, _, last = key.rpartition("/")
                self.assertIn(last, names(await files.list(folder)))
                upload = await files.create_signed_upload_url(f"copy of {key}")
                await files.upload_to_signed_url(f"copy of {key}", upload["token"], picture, PNG)
                self.assertEqual(len(await files.remove([key, f"copy of {key}"])), 2)

    async def test_keys_with_other_characters_are_refused_by_name(self):
        files, _ = await self.make_bucket()
        for key in ("ümlaut.png", "a~b", "a#b", "a|b", 'a"b', "a\\b", "a\nb", "a%b"):
            await self.assert_refused(files.upload(key, b"x"), "400", "InvalidKey", f"Invalid key: {key}")
        self.assertEqual(await files.list(), [])

    async def test_a_folder_is_listed_searched_sorted_and_paged(self):
        files, _ = await self.make_bucket()
        for path in ("b.txt", "a.txt", "album/2026/y.txt", "album/cover.txt"):
            await files.upload(path, path.encode())
        top = await files.list()
        self.assertEqual(names(top), ["a.txt", "album", "b.txt"])
        self.assertEqual((top[0]["metadata"]["size"], top[1]["id"]), (5, None))
        self.assertEqual(names(await files.list("album")), ["2026", "cover.txt"])
        self.assertEqual(names(await files.list("", {"search": "B"})), ["b.txt"])
        self.assertEqual(names(await files.list("", {"limit": 1, "offset": 1})), ["album"])
        newest = await files.list("", {"sortBy": {"column": "created_at", "order": "desc"}, "search": "a."})
        self.assertEqual(names(newest), ["a.txt"])
        descending = await files.list("", {"sortBy": {"order": "desc"}})
        self.assertEqual(names(descending), ["b.txt", "album", "a.txt"])

    async def test_version_2_of_the_listing_is_walked_by_cursors(self):
        files, _ = await self.make_bucket()
        paths = ["a.txt", "album/2026/y.txt", "album/cover.txt", "b.txt"]
        for path in reversed(paths):
            await files.upload(path, b"x")
        for sort, expected in (({"column": "name", "order": "asc"}, paths), ({"column": "created_at"}, paths[::-1])):
            walked, options = [], {"limit": 1, "sortBy": sort}
            while True:
                page = await files.list_v2(options)
                walked += [entry.name for entry in page.objects]
                if not page.hasNext:
                    break
                options["cursor"] = page.nextCursor
            self.assertEqual(walked, expected)
        folded = await files.list_v2({"with_delimiter": True, "prefix": "album/"})
        self.assertEqual([folder.name for folder in folded.folders], ["album/2026/"])
        self.assertEqual([entry.name for entry in folded.objects], ["album/cover.txt"])

    async def test_a_replaced_picture_is_the_new_one_on_the_very_next_request(self):
        files, _ = await self.make_bucket(public=True)
        small = {"transform": {"width": 64}}

        async def every_sight(path):
            public = [await files.get_public_url(path, options) for options in ({}, small)]
            signed = [(await files.create_signed_url(path, 60, options))["signedURL"] for options in ({}, small)]
            shown = [(await self.shown(url)).content for url in public + signed]
            return [*shown, await files.download(path), await files.download(path, small)]

        expected = []
        for index, picture in enumerate((FOX, CUP)):
            await files.upload(f"reference-{index}.png", picture, PNG)
            expected.append(await every_sight(f"reference-{index}.png"))
        await files.upload("a.png", FOX, PNG)
        for round in range(6):
            self.assertEqual(await every_sight("a.png"), expected[round % 2], f"round {round}")
            await files.update("a.png", (CUP, FOX)[round % 2], PNG)

    async def test_refusals_are_json_with_four_fields(self):
        files, _ = await self.make_bucket()
        answer = await self.get(await files.get_public_url("a.txt"))
        told = json.loads(answer.content)
        self.assertEqual((answer.status_code, sorted(told)), (400, ["code", "error", "message", "statusCode"]))
        self.assertEqual((told["statusCode"], told["code"]), ("404", "NoSuchBucket"))
