"""The kinds of database on which the tests run."""

import itertools


class SqliteDatabase:
    """Makes SQLite databases, one file each."""

    kind = 'sqlite'

    def __init__(self, folder):
        self._folder = folder
        self._numbers = itertools.count(1)

    def new_url(self):
        """The URL of a new, empty database."""
        return f'sqlite:///{self._folder / f"chat-{next(self._numbers)}.db"}'


class MariaDatabase:
    """Makes databases on the private MariaDB."""

    kind = 'mariadb'

    def __init__(self, mariadb):
        self.mariadb = mariadb

    def new_url(self):
        """The URL of a new, empty database."""
        return self.mariadb.create_database()
