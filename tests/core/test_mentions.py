"""Which names a text mentions, and who of a room is meant by them."""
from types import SimpleNamespace

import pytest

from chat.core.messages import mentions
from chat.core.messages.mentions import Mentions, named_in

MENTION_ANN = [
    '@ann', '@Ann', '@ANN', 'hi @ann', '@ann hi', 'hi\n@ann\nhi', '(@ann)', '[@ann]', '"@ann"', '«@ann»', '@ann,', '@ann!', '@ann:', '@ann?',
    '@ann;', '¡@ann!', '@ann\'s', '@ann’s', '@Ann’s cake', 'cc:@ann', 'cc @ann/', '@ann…', '*@ann*', '**@ann**', '~@ann~', '`@ann`', '>@ann', '@ann|',
    '😀@ann', '❤️@ann', '@ann😀', '1. @ann', 'thanks.@ann', 'well...@ann', 'so -@ann', 'x=@ann', '@ann+', '@ann and bob@example.com',
    'see https://example.com/@bob @ann', '(https://example.com) @ann', '<https://example.com/@bob>@ann', 'https://example.com。@ann',
    '你好@ann', '你好@ann你好', '、@ann。', 'サーバー@annさん', '안녕@ann님', 'ถึง@annนะ', 'و@ann', 'ל@ann', '@ann\u200b', '\u200b@ann', '@ann\xa0@ann',
]
MENTION_NOBODY = [
    '', 'ann', '@', '@ ann', '@\u200bann', '@an', '@..', 'a@ann', 'Z@ann', '5@ann', '_a_@ann', 'a_@ann', 'bob@ann', 'bob@example.com', 'bob+x@ann.org',
    'é@ann', 'e\u0301@ann', 'café@ann', 'я@ann', 'ß@ann', '٣@ann', '@annü', '@ann\u0301', '@annя', '@ann٣', '@ünn', '＠ann',
    '@ann@example.com', '@ann@bob', '@@ann', '@@', '@_@', 'https://example.com/@ann', 'https://@ann', 'HTTPS://ann@example.com/x?y=,@ann',
    'example.com/@ann', '/@ann', 'x://y,(@ann)', '@' + 'a' * 51, '@' + 'a' * 3999, 'a/@ann',
]


@pytest.mark.parametrize('text', MENTION_ANN)
def test_it_mentions_ann(text):
    assert [names[-1] for names in named_in(text)] == ['ann']


@pytest.mark.parametrize('text', MENTION_NOBODY)
def test_it_mentions_nobody(text):
    assert named_in(text) == []


@pytest.mark.parametrize(('text', 'names'), [
    ('@ann.', [('ann.', 'ann')]), ('@ann_.', [('ann_.', 'ann_', 'ann')]), ('@ann--', [('ann--', 'ann-', 'ann')]), ('_@ann_', [('ann_', 'ann')]),
    ('@A.b-C_d!', [('a.b-c_d',)]), ('@ann.Then', [('ann.then',)]), ('@example.com', [('example.com',)]), ('@...', [('...',)]), ('@a....', [('a....', 'a...', 'a..')]),
    ('@' + 'a' * 50, [('a' * 50,)]), ('@' + 'a' * 50 + '.', [('a' * 50,)]), ('@' + 'a' * 49 + '..', [('a' * 49 + '.', 'a' * 49)]),
    ('@ann @bob', [('ann',), ('bob',)]), ('@ann,@bob', [('ann',), ('bob',)]), ('@ann/@bob/@cem', [('ann',), ('bob',), ('cem',)]), ('@ann/ x/@bob', [('ann',)]),
    ('@ann.@bob', [('ann.', 'ann'), ('bob',)]), ('@ann @ANN @Ann', [('ann',)]), ('@all', [('all',)]), ('@ann @all.', [('ann',), ('all.', 'all')]),
])
def test_a_name_may_end_in_punctuation_and_so_may_a_sentence(text, names):
    assert named_in(text) == names


def test_a_text_mentions_at_most_fifty_names():
    text = ' '.join(f'@user{number}' for number in range(100))
    assert named_in(text) == [(f'user{number}',) for number in range(50)]


# ---------------------------------------------------------------------- who is meant

class Database:
    """Has these users, and counts what it is asked for."""

    is_sqlite = True

    def __init__(self, **users):
        self.users, self.asked = users, []

    def compile(self, statement):
        return SimpleNamespace(string='', positiontup=[], params={})

    def rows(self, statement):
        names = next(value for value in statement.compile().params.values() if isinstance(value, list))
        self.asked.append(names)
        return [SimpleNamespace(username_key=name, id=self.users[name]) for name in names if name in self.users]


class Room:
    id, kind = 1, 'private'

    def __init__(self, *members):
        self.members = frozenset(members)

    def has(self, user_id):
        return user_id in self.members


class Rooms:
    def is_admin(self, user_id, room):
        return user_id == 1


def who(database, content, *, sender=2, members=(1, 2, 3)):
    return Mentions(database=database, rooms=Rooms()).of(sender, Room(*members), content)


def test_members_are_meant_and_nobody_else():
    database = Database(ann=1, bob=2, cem=3, eve=9)
    assert who(database, '@cem and @Ann, not @eve and @nobody, nor me, @bob') == (1, 2, 3)
    assert who(database, 'no one') == () and len(database.asked) == 1


def test_the_longest_name_that_a_member_has_is_meant():
    assert who(Database(**{'ann': 1, 'ann.': 3}), '@ann.') == (3,)
    assert who(Database(**{'ann': 1, 'ann.': 3}), '@ann..') == (3,)
    assert who(Database(**{'ann': 1, 'ann.': 9}), '@ann.') == (1,)
    assert who(Database(ann=1), '@ann.') == (1,)


def test_all_is_everybody_where_an_admin_says_so():
    assert who(Database(), '@All!', sender=1) == (1, 2, 3)
    assert who(Database(), '@All!', sender=2) == ()
    assert who(Database(all=3), '@all', sender=2) == (3,)
    assert who(Database(**{'all.': 3}), '@all.', sender=1) == (3,)


def test_all_is_nobody_in_a_room_of_too_many(monkeypatch):
    monkeypatch.setattr(mentions, 'MOST_MEMBERS', 3)
    assert who(Database(), '@all', sender=1) == (1, 2, 3)
    assert who(Database(), '@all', sender=1, members=(1, 2, 3, 4)) == ()


def test_whoever_was_found_is_not_looked_up_again_at_once():
    database = Database(ann=1, bob=2)
    known = Mentions(database=database, rooms=Rooms())
    assert [known.of(1, Room(1, 2), content) for content in ('@ann', '@ann', '@ann @bob', '@dan', '@dan')] == [(1,), (1,), (1, 2), (), ()]
    assert database.asked == [['ann'], ['bob'], ['dan'], ['dan']]


def test_at_most_fifty_names_are_looked_up_however_they_may_be_read():
    database = Database(**{f'user{number}': number for number in range(60)})
    text = ' '.join(f'@user{number}....' for number in range(60))
    assert who(database, text, members=range(60)) == tuple(range(50))
    assert [len(names) for names in database.asked] == [50]
