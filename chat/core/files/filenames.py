"""Names of files, made harmless for whoever saves, shows or lists them."""
import re
import unicodedata

LONGEST = 150            # characters
LONGEST_ENDING = 20
NAMELESS = 'file'
RESERVED = re.compile(r'[<>:"|?*]')  # by one file system or another
INVISIBLE = {'Cc', 'Cf', 'Cs', 'Co', 'Cn', 'Zl', 'Zp'}  # controls, marks of the direction of writing, and the like


def clean(name: str | None) -> str:
    """The name without folders, line breaks, invisible characters; at most 150 characters, its ending kept."""
    name = unicodedata.normalize('NFC', name or '')
    name = ''.join(' ' if character.isspace() else character for character in name
                   if character.isspace() or unicodedata.category(character) not in INVISIBLE)
    name = re.split(r'[/\\]', name)[-1]
    name = ' '.join(RESERVED.sub('_', name).split()).strip('. ')
    return shorten(name) or NAMELESS


def shorten(name: str) -> str:
    """The name with at most LONGEST characters; what follows its last dot stays."""
    stem, dot, ending = name.rpartition('.')
    if len(name) <= LONGEST or not dot or len(ending) > LONGEST_ENDING:
        return name[:LONGEST]
    return stem[:LONGEST - len(ending) - 1] + dot + ending
