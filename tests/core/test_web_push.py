"""The encryption of Web Push against the example of its RFC, and against another implementation of it."""
import os

import http_ece
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from chat.core.machinery import web_push
from chat.core.machinery.web_push import VapidKey, decoded, encrypt, encrypt_with
from tests.support.push_service import checked_claims


def test_the_example_of_rfc_8291_is_encrypted_as_it_says():
    receiver = decoded('BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4')
    private = int.from_bytes(decoded('yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw'))
    sender = ec.derive_private_key(private, ec.SECP256R1())
    body = encrypt_with(b'When I grow up, I want to be a watermelon', receiver, decoded('BTBZMqHH6r4Tts7J_aSIgg'),
                        sender=sender, salt=decoded('DGv6ra1nlYgDCS1FRnbzlw'))
    assert body == decoded(
        'DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_'
        'yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN')


@pytest.mark.parametrize('length', [0, 1, web_push.MAX_PAYLOAD])
def test_what_is_encrypted_is_read_by_its_browser_and_fits(length):
    private, auth, payload = ec.generate_private_key(ec.SECP256R1()), os.urandom(16), os.urandom(length)
    point = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    body = encrypt(payload, point, auth)
    assert len(body) <= 4096
    assert http_ece.decrypt(body, private_key=private, auth_secret=auth, version='aes128gcm') == payload


def test_the_key_is_made_once_and_signs_for_the_origin_of_the_endpoint():
    kept = []

    def keep(make):
        kept[:] = kept or [make()]
        return kept[0]

    first, second = VapidKey(keep), VapidKey(keep)
    assert first.public == second.public
    for endpoint, origin in (('https://push.example/a/b?c', 'https://push.example'), ('https://x.y:8443/a', 'https://x.y:8443')):
        claims, key = checked_claims({'Authorization': second.authorization(endpoint, None)}, origin)
        assert (key, claims.get('sub')) == (first.public, None)
