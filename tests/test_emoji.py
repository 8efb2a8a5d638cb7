"""Which texts are nothing but one to three emoji, and which names of files are harmless."""
import unicodedata

import pytest

from chat.core.files import filenames
from chat.core.messages.emoji import is_only_emoji

ONE = ['😀', '👍', '👍🏽', '❤️', '☺️', '✌🏿', '🏽', '🇫🇷', '🏴󠁧󠁢󠁳󠁣󠁴󠁿', '🏴‍☠️', '1️⃣', '#️⃣', '*️⃣', '0⃣', '👨‍👩‍👧‍👦', '🏳️‍🌈', '🏳️‍⚧️', '❤️‍🔥',
       '❤‍🔥', '👩🏽‍🚀', '🧑🏻‍❤️‍💋‍🧑🏿', '👁️‍🗨️', '🤷🏾‍♀️', '⌚', '©️', '🫱🏻‍🫲🏿', '🐦‍🔥', '🅰️', '㊗️', '↔️', '🕵️‍♀️']
NONE = ['', 'a', '1', '#', '*', '12', '1️', '❤', '☺', '©', '😀︎', 'a😀', '😀a', '😀 😀',
        '😀.', '🇫', '🇫🇷🇫', '\u200d', '\ufe0f', '😀\u200d',
        '\u200d😀', '\u20e3', '①', 'é', '漢', '👍👍👍👍', '😀' * 500, '🏴󠁧󠁢', '\U000e0067', '→', '♀', '\U0001f8ff️']


@pytest.mark.parametrize('text', ONE)
def test_an_emoji_counts_as_one_however_many_characters_it_has(text):
    assert is_only_emoji(text) and is_only_emoji(text * 3) and not is_only_emoji(text * 4)
    assert is_only_emoji('👍🏽' + text + '🇫🇷') and not is_only_emoji(text + 'x')


@pytest.mark.parametrize('text', NONE)
def test_other_text_is_no_emoji(text):
    assert not is_only_emoji(text)


@pytest.mark.parametrize(('given', 'cleaned'), [
    ('photo.jpg', 'photo.jpg'), ('../../etc/passwd', 'passwd'), ('C:\\Users\\ann\\photo.jpg', 'photo.jpg'), ('/', 'file'),
    ('', 'file'), (None, 'file'), ('...', 'file'), ('a/', 'file'), ('.bashrc', 'bashrc'),
    ('a\r\nSet-Cookie: b', 'a Set-Cookie_ b'),
    ('exe\u202egpj.scr', 'exegpj.scr'), ('a\0b', 'ab'), ('\ufeffa\u200f.txt', 'a.txt'), ('a "b" <c>|?*.txt', 'a _b_ _c____.txt'),
    ('Grüße 👋 日本.pdf', 'Grüße 👋 日本.pdf'), ('u\u0308.txt', 'ü.txt'), ('  a \u2028 b .txt ', 'a b .txt'),
    ('\ud800.txt', 'txt'),
    ('x' * 500 + '.jpg', 'x' * 146 + '.jpg'), ('y' * 500, 'y' * 150), ('a.' + 'z' * 500, 'a.' + 'z' * 148)])
def test_a_file_name_is_made_harmless(given, cleaned):
    name = filenames.clean(given)
    assert name == cleaned and len(name) <= 150
    assert not any(unicodedata.category(character).startswith('C') for character in name)
