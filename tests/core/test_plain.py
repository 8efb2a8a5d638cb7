"""Plain data on its way from one process to another."""
import pytest

from chat.core.shared.plain import pack, unpack


@pytest.mark.parametrize('data', [
    None, True, 0, -1, 2**63, 2**64, -2**63 - 1, 10**400, 1.5, '', 'half \ud83d', {'\ud83d': [b'\xff\x00', '\udc00']},
    {1: {'a': None}}, [[[[]]]]], ids=lambda data: repr(data)[:40])
def test_what_clients_can_say_comes_out_as_it_went_in(data):
    assert unpack(pack([data])) == [data]


def test_what_is_not_plain_is_refused_where_it_goes_in():
    with pytest.raises(TypeError, match='object is not plain'):
        pack(object())
