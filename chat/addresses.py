"""Who is calling: the peer's address, or the one that a trusted proxy vouches for."""
import ipaddress
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from werkzeug.http import parse_list_header

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
IPV6_SITE = 64  # bits; a site has a whole /64 to choose its addresses from, so limits count that


@lru_cache(10_000)
def peer_address(text: str) -> str:
    """The address of a peer that nobody vouches for."""
    return _as_text(parse(text))


def client_address(environ: Mapping[str, Any], trusted: Sequence[Network]) -> str:
    """The address that limits count, as text: an IPv4 address, or the /64 of an IPv6 one.

    It is the peer's, or the rightmost untrusted hop of X-Forwarded-For where the peer is one of the `trusted` networks.
    """
    peer = environ.get('REMOTE_ADDR', '')
    if not trusted:
        return peer_address(peer)
    address, hops = parse(peer), parse_list_header(environ.get('HTTP_X_FORWARDED_FOR', ''))
    while hops and is_trusted(address, trusted):
        hop = parse(hops.pop())
        if hop is None:
            break  # what the proxy wrote can't be read: the proxy itself counts
        address = hop
    return _as_text(address)


def _as_text(address: Address | None) -> str:
    """What limits count of an address."""
    if address is None:
        return 'local'  # a Unix socket
    if address.version == 6:
        return str(ipaddress.ip_network((address, IPV6_SITE), strict=False))
    return str(address)


def is_trusted(address: Address | None, trusted: Sequence[Network]) -> bool:
    """Whether the address is a proxy of ours; a peer without one (a Unix socket) is the proxy on this machine."""
    return address is None or any(address in network for network in trusted)


def parse(text: str) -> Address | None:
    """The address in a hop, with or without a port; IPv4 inside IPv6 is IPv4. None when there is none."""
    text = text.strip().strip('"')
    if text.startswith('['):
        text = text[1:].partition(']')[0]
    elif text.count(':') == 1:
        text = text.partition(':')[0]
    try:
        address: Address = ipaddress.ip_address(text.partition('%')[0])
    except ValueError:
        return None
    mapped: Address | None = getattr(address, 'ipv4_mapped', None)
    return mapped or address
