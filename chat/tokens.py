"""Tokens: what a client shows of its sign-in, the same over HTTP and over sockets."""
import re
import time
from dataclasses import dataclass
from typing import Any

from cachetools import LRUCache
from flask import current_app
from flask_jwt_extended import create_access_token, create_refresh_token, decode_token
from flask_jwt_extended.exceptions import JWTExtendedException
from jwt import PyJWTError

from .answers import Tokens
from .core.accounts.sign_ins import Grant, SignIns
from .errors import Unauthorized

MAX_VERIFIED = 10_000
MAX_LENGTH = 4096
ACCESS, REFRESH = 'access', 'refresh'
_verified: LRUCache[tuple[str, str], 'Identity'] = LRUCache(MAX_VERIFIED)  # by secret and token, once it is checked


@dataclass(frozen=True, slots=True)
class Identity:
    """Who shows a token: the user, the sign-in, the dialect it was made for, and when it expires (seconds)."""

    user_id: int
    sign_in_id: str
    dialect: str | None
    expires_at: float


def issue(grant: Grant, dialect: str | None = None) -> Tokens:
    """The tokens of a Grant, as clients get them."""
    subject = str(grant.user_id)
    claims = {'sid': grant.sign_in_id, **({'dialect': dialect} if dialect else {})}
    return {
        'token': create_access_token(subject, additional_claims=claims),
        'refreshToken': create_refresh_token(subject, additional_claims=claims | {'jti': grant.refresh_id}),
    }


def authenticate(token: object, sign_ins: SignIns) -> Identity:
    """The Identity behind an access token whose sign-in goes on.

    Raises Unauthorized: no token, a wrong signature, expired, no access token, an ended sign-in, a user who is gone.
    """
    if not isinstance(token, str):
        raise Unauthorized()
    key = current_app.config['JWT_SECRET_KEY'], token
    identity = _verified.get(key)
    if identity is None:
        claims = _decode(token, ACCESS)
        identity = Identity(int(claims['sub']), claims['sid'], claims.get('dialect'), claims['exp'])
        _verified[key] = identity
    elif identity.expires_at <= time.time():
        raise Unauthorized('This token has expired: sign in again')
    sign_ins.require(identity.sign_in_id, identity.user_id)
    return identity


def refresh(token: str, sign_ins: SignIns) -> Tokens:
    """New tokens for a refresh token, which is thereby used up. Raises Unauthorized."""
    claims = _decode(token, REFRESH)
    grant = sign_ins.refresh(claims['sid'], int(claims['sub']), claims['jti'])
    return issue(grant, claims.get('dialect'))


def _decode(token: str, kind: str) -> dict[str, Any]:
    """The claims of a token of that kind; the library checks signature and expiry, but not the kind."""
    try:
        claims: dict[str, Any] = decode_token(token) if len(token) <= MAX_LENGTH else {}
    except (PyJWTError, JWTExtendedException, ValueError):
        raise Unauthorized('This token is invalid or has expired: sign in again') from None
    subject, sign_in_id = claims.get('sub'), claims.get('sid')
    if claims.get('type') != kind or not isinstance(sign_in_id, str) or 'exp' not in claims \
            or not isinstance(subject, str) or not re.fullmatch('[0-9]{1,16}', subject):
        raise Unauthorized('This is no token for this use: sign in again')
    return claims
