"""How texts are cut into terms, how well one matches, and how places are kept."""
import random

import pytest

from chat.core.messages.search_places import BITMAP, BLOCK, bits_of, descending, with_places, without_place
from chat.core.messages.search_terms import LONGEST_TERM, Query, fold, indexed_terms, terms_of

TERMS = {
    'words': ('The quick brown_fox', ['the', 'quick', 'brown', '_', 'fox']),
    'accents': ('Café Zürich ŁÓDŹ Straße Ørsted', ['cafe', 'zurich', 'lodz', 'strasse', 'orsted']),
    'letters of one accent or of two': ('é e\u0301', ['e', 'e']),
    'Turkish': ('İstanbul Iğdır', ['istanbul', 'igdir']),
    'Greek': ('ΟΔΟΣ οδός', ['οδοσ', 'οδοσ']),
    'Russian': ('Ёлка ещё', ['елка', 'еще']),
    'Hebrew points': ('שָׁלוֹם', ['שלום']),
    'Arabic points': ('مُحَمَّد', ['محمد']),
    'Hindi': ('हिन्दी में', ['हिन्दी', 'में']),
    'ligatures and full width': ('ﬁne ＡＢＣ', ['fine', 'abc']),
    'digits': ('route 66', ['route', '66']),
    'symbols': ('100% C++ :)', ['100', '%', 'c', '+', '+', ':', ')']),
    'a soft hyphen and a joiner': ('co\u00adoperate a\u200db', ['cooperate', 'ab']),
    'Chinese': ('你好世界', ['你好', '好世', '世界', '界']),
    'Japanese with Latin': ('iPhone15は東京', ['iphone15', 'は東', '東京', '京']),
    'voiced kana': ('は ば', ['は', 'ば']),
    'Korean': ('한국어', ['한국', '국어', '어']),
    'Thai': ('ดี', ['ดี', 'ี']),
    'emoji': ('😂😂 ❤️❤', ['😂', '😂', '❤', '❤']),
    'emoji of a skin tone': ('👍🏽', ['👍']),
    'a family': ('👨\u200d👩\u200d👧', ['👨', '👩', '👧']),
    'flags': ('🇧🇩🇪🇸', ['🇧🇩', '🇪🇸']),
    'a keycap': ('1️⃣', ['1']),
    'control characters': ('a\0b\x1fc', ['a', 'b', 'c']),
    'what Unicode does not know yet': ('\U0001FBFF\U0002FFFD', None),
    'nothing': ('\u200b \0', []),
}


@pytest.mark.parametrize(('text', 'terms'), TERMS.values(), ids=TERMS)
def test_a_text_is_cut_into_terms(text, terms):
    found = terms_of(fold(text))
    assert found == terms if terms is not None else all(found)


@pytest.mark.parametrize('text', ['a' + '\u0301\u0323' * 2000, 'क' + '\u093c\u094d' * 2000, '\ufdfa' * 4000, '😂' * 4000, '東' * 4000])
def test_no_text_has_more_or_longer_terms_than_the_index_takes(text):
    terms = indexed_terms(text)
    assert len(terms) < 10 and all(0 < len(term) <= LONGEST_TERM for term in terms)


def test_a_text_that_is_folded_stays_as_it_is():
    for text, _ in TERMS.values():
        assert fold(fold(text)) == fold(text)


@pytest.mark.parametrize(('query', 'best', 'worse'), [
    ('hell', 'what the hell', 'hello there'),
    ('hello', 'hello', 'hello to all of you who are here with us this evening, and welcome'),
    ('new york', 'in New York', 'york is not new'),
    ('to be or not to be', 'To be, or not to be', 'be not or to: today because'),
    ('hello wor', 'hello world', 'world, hello'),
])
def test_whole_words_count_more_than_beginnings_then_what_stands_together_then_the_share(query, best, worse):
    query = Query(query)
    assert query.score(best) > query.score(worse) > 0


def test_places_are_kept_as_a_list_or_as_bits_whichever_is_shorter():
    chance = random.Random(7)
    kept, places = b'', set()
    for _ in range(300):
        place = chance.choice([place for place in range(BLOCK) if place not in places])
        if places and chance.random() < 0.3:
            gone = chance.choice(sorted(places))
            kept = without_place(kept, gone)
            places.discard(gone)
        kept = with_places(kept, (place,))
        places.add(place)
        assert list(descending(bits_of([kept]))) == sorted(places, reverse=True)
        assert len(kept) <= BITMAP
    everywhere = with_places(kept, range(BLOCK))
    assert len(everywhere) == BITMAP and bits_of([everywhere]).bit_count() == BLOCK
    for place in range(BLOCK):
        everywhere = without_place(everywhere, place)
    assert everywhere == b''
