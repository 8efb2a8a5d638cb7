"""Whose address counts: the peer's, or the one that a trusted proxy vouches for."""
import ipaddress

import pytest

from chat.addresses import client_address

TRUSTED = [ipaddress.ip_network('127.0.0.0/8'), ipaddress.ip_network('2001:db8:ff::/48')]


def address(hops=None, peer='127.0.0.1', trusted=TRUSTED):
    environ = {'REMOTE_ADDR': peer} | ({} if hops is None else {'HTTP_X_FORWARDED_FOR': hops})
    return client_address(environ, trusted)


@pytest.mark.parametrize(('hops', 'expected'), [
    ('192.0.2.1', '192.0.2.1'), (' 192.0.2.1 ', '192.0.2.1'), ('192.0.2.1:4711', '192.0.2.1'),
    ('forged, 192.0.2.1', '192.0.2.1'), ('198.51.100.1, 192.0.2.1', '192.0.2.1'),  # whoever calls can write what it likes
    ('192.0.2.1, 127.0.0.9', '192.0.2.1'), ('192.0.2.1, 2001:db8:ff::1', '192.0.2.1'),  # a proxy behind a proxy
    ('127.0.0.8, 127.0.0.9', '127.0.0.8'),
    ('2001:db8::1', '2001:db8::/64'), ('2001:db8::ffff', '2001:db8::/64'), ('2001:db8:0:1::1', '2001:db8:0:1::/64'),
    ('[2001:db8::1]:4711', '2001:db8::/64'), ('"[2001:db8::1]"', '2001:db8::/64'),
    ('::ffff:192.0.2.1', '192.0.2.1'),
    ('', '127.0.0.1'), ('192.0.2.1, nonsense', '127.0.0.1'), (None, '127.0.0.1')])
def test_behind_a_trusted_proxy_the_rightmost_untrusted_hop_counts(hops, expected):
    assert address(hops) == expected


@pytest.mark.parametrize('trusted', [[], TRUSTED])
def test_a_peer_that_nobody_trusts_counts_itself_whatever_it_says(trusted):
    assert address('192.0.2.1', '198.51.100.7', trusted) == '198.51.100.7'
    assert address('192.0.2.1', '2001:db8:1::7', trusted) == '2001:db8:1::/64'


def test_the_proxy_on_this_machine_may_come_by_a_unix_socket():
    assert address('192.0.2.1', '') == '192.0.2.1'
    assert address(None, '') == address('192.0.2.1', '', trusted=[]) == 'local'
