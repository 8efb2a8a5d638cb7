"""Text as search sees it: folded, and cut into terms, the same on every database.

A term is a word; a symbol, an emoji among them; or, where words are not parted by spaces (Chinese, Japanese, Korean,
Thai, …), a character with the one after it, so that any piece of a run is found.
"""
import re
import unicodedata
from functools import lru_cache

import regex

LONGEST_TERM = 48  # bytes of it that stand in the index; what is found by them is looked at again

# What makes no difference: accents and points, joiners and other marks that are not seen, colours of skin. A voiced kana
# is another kana, so its mark stays. Letters of other scripts (Devanagari, Thai, …) consist of marks in part.
_IGNORED = regex.compile(
    r'(?V1)[[\p{M}&&[\p{Script=Inherited}\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}]]--[\u3099\u309A]]'
    r'|\p{Cf}|[\U0001F3FB-\U0001F3FF]|(?<=\p{M}{3})\p{M}+')
_WITHOUT_ACCENT = str.maketrans({'ø': 'o', 'ł': 'l', 'đ': 'd', 'ð': 'd', 'ħ': 'h', 'ı': 'i', 'ŧ': 't', 'æ': 'ae', 'œ': 'oe',
                                 'þ': 'th'})  # letters that Unicode takes for others than those without a stroke

_UNSPACED = (r'\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Bopomofo}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}'
             r'\u3099\u309A\u30FC')
_TERM = regex.compile(rf'(?V1)[{_UNSPACED}]+|[[\p{{L}}\p{{M}}\p{{N}}]--[{_UNSPACED}]]+|\p{{Regional_Indicator}}{{2}}'
                      r'|[^\s\p{Z}\p{Cc}]')
_RUN = regex.compile(rf'(?V1)[{_UNSPACED}]')
_ASCII_TERM = re.compile(r'[a-z0-9]+|[!-/:-@\[-`{-~]')
_SAYS_SOMETHING = frozenset('#%&*@/\\_§')  # of what Unicode calls punctuation
_BETWEEN = '\x1f'  # terms, where they are joined: a control character is in none


def fold(text: str) -> str:
    """The text without what makes no difference: case, accents, and forms of the same character."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize('NFKD', _IGNORED.sub('', text)).casefold()  # without: or long rows of marks are slow
    decomposed = unicodedata.normalize('NFKD', decomposed)
    return unicodedata.normalize('NFC', _IGNORED.sub('', decomposed)).translate(_WITHOUT_ACCENT)


def terms_of(folded: str) -> list[str]:
    """The terms of a folded text, in their order."""
    if folded.isascii():
        return _ASCII_TERM.findall(folded)
    terms: list[str] = []
    for term in _TERM.findall(folded):
        if _RUN.match(term):
            terms += [term[at:at + 2] for at in range(len(term))]
        else:
            terms.append(term)
    return terms


def indexed_terms(content: str) -> set[bytes]:
    """What of a message's content stands in the index."""
    return {as_indexed(term) for term in terms_of(fold(content))}


def as_indexed(term: str) -> bytes:
    """A term as it stands in the index."""
    return term.encode()[:LONGEST_TERM]


def of_sender(sender_id: int) -> bytes:
    """The term of all messages of one sender: no text has it, since it begins with a control character."""
    return b'\x01%d' % sender_id


@lru_cache(10_000)
def _is_between_words(term: str) -> bool:
    """Whether it is punctuation as sentences have it, which a search for words passes over."""
    return len(term) == 1 and unicodedata.category(term)[0] == 'P' and term not in _SAYS_SOMETHING


def _words(terms: list[str]) -> list[str]:
    return [term for term in terms if not _is_between_words(term)]


class Query:
    """What somebody looks for: a message matches if it has every part of the text between spaces.

    The terms of a part stand one after the other, and the last one may go on ("hel" finds "hello"). Nothing is syntax;
    punctuation of sentences counts only where there is nothing else.
    """

    def __init__(self, text: str) -> None:
        parts = [terms_of(part) for part in fold(text).split()]
        worded = [words for part in parts if (words := _words(part))]
        self._has_words = bool(worded)
        self._parts = list(dict.fromkeys(tuple(part) for part in worded or parts if part))
        self._patterns = [_BETWEEN + _BETWEEN.join(part) for part in self._parts]
        self._phrase = ''.join(self._patterns)
        self._size = sum(map(len, self._parts))

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing in it that a message could have."""
        return not self._parts

    def index_terms(self, most: int) -> list[tuple[bytes, bool]]:
        """(term, whether it may go on) of what the index can be asked for, the longest ones if there are too many."""
        wanted = {(as_indexed(term), at == len(part) - 1) for part in self._parts for at, term in enumerate(part)}
        return sorted(wanted, key=lambda term: (-len(term[0]), term))[:most]

    def score(self, content: str) -> int | None:
        """How well a message's content matches, the more the better; None if it does not.

        What counts is how many parts it has as whole words, then whether all stand together and in order, then how much
        of the message they are.
        """
        terms = terms_of(fold(content))
        if self._has_words:
            terms = _words(terms)
        text = f'{_BETWEEN}{_BETWEEN.join(terms)}{_BETWEEN}'
        whole = 0
        for pattern in self._patterns:
            if pattern not in text:
                return None
            whole += pattern + _BETWEEN in text or _RUN.match(pattern[-1]) is not None  # a run has no whole words
        return 400 * whole // len(self._patterns) + 200 * (self._phrase in text) + 8 * (16 * self._size // len(terms))
