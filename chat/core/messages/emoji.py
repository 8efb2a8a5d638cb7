"""Emoji, told from other text by Unicode's own properties (UTS #51, "Unicode Emoji")."""
import regex

MOST = 3           # emoji in a message that is nothing else
LONGEST = 40       # code points of one: families and flags of regions have about ten

# A character that is drawn as a picture, by itself or because a variation selector (FE0F) or a skin tone says so.
_PICTURE = r'(?:[\p{Emoji}&&\p{Extended_Pictographic}](?:\uFE0F|(?<=\p{Emoji_Modifier_Base})\p{Emoji_Modifier})' \
           r'|[\p{Emoji_Presentation}--\p{Regional_Indicator}](?!\uFE0E))'
_FLAG = r'\p{Regional_Indicator}{2}'
_KEYCAP = r'[0-9#*]\uFE0F?\u20E3'
_REGION = r'\U0001F3F4[\U000E0020-\U000E007E]{1,16}\U000E007F'  # a black flag with a tag, such as Scotland's
_JOINED = r'[\p{Emoji}&&\p{Extended_Pictographic}](?:\uFE0F|\p{Emoji_Modifier})?'  # part of a ZWJ sequence
_SEQUENCE = rf'{_JOINED}(?:\u200D{_JOINED}){{1,9}}'
_ONE = rf'(?:{_SEQUENCE}|{_REGION}|{_FLAG}|{_KEYCAP}|{_PICTURE})'
_ONE_EMOJI = regex.compile(rf'(?V1){_ONE}')
_ONLY_EMOJI = regex.compile(rf'(?V1){_ONE}{{1,{MOST}}}')
AS_PICTURE = '\ufe0f'  # has the character before it drawn as a picture


def is_only_emoji(text: str) -> bool:
    """Whether the text is nothing but one to three emoji; a sequence that is drawn as one counts as one."""
    return not text.isascii() and len(text) <= MOST * LONGEST and _ONLY_EMOJI.fullmatch(text) is not None


def as_emoji(text: str) -> str | None:
    """The one emoji that the text is, in the form that is drawn as a picture (❤ with its variation selector); else None."""
    for form in (text, text + AS_PICTURE):
        if not text.isascii() and len(form) <= LONGEST and _ONE_EMOJI.fullmatch(form):
            return form
    return None
