"""Keys and tokens, made by another library than the server's."""

import time
import uuid

import jwt

# What the server under test knows.
SECRET = "secret of the client tests: nobody else believes it"
PUBLISHABLE_KEY = "sb_publishable_client-tests-0123456789abcdef"
SECRET_KEY = "sb_secret_client-tests-0123456789abcdef"

HOUR = 3600


def token(claims, secret=SECRET):
    """A token with these claims. `secret`: of another signer."""
    now = int(time.time())
    return jwt.encode({"iat": now, "exp": now + HOUR, **claims}, secret, algorithm="HS256")


def expired(claims):
    """A token that was good an hour ago."""
    now = int(time.time())
    return token({**claims, "iat": now - 2 * HOUR, "exp": now - HOUR})


def new_user():
    """A new user: (id, token)."""
    user = str(uuid.uuid4())
    return user, token({"role": "authenticated", "sub": user, "aud": "authenticated"})


ANON = token({"role": "anon"})
SERVICE = token({"role": "service_role"})
