"""The host's commands: `flask user …`, `flask uploads …`, `flask search …`."""
from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

import click
from flask import Flask, current_app
from flask.cli import AppGroup

from config import ConfigError

from . import migrating
from .core import Core
from .core.accounts.accounts import Accounts
from .errors import ChatError
from .schemas.accounts import NewPassword, Register
from .validation import parse

P = ParamSpec('P')
R = TypeVar('R')
user = AppGroup('user', help='Manage accounts.')
uploads = AppGroup('uploads', help='Manage uploaded files.')
search = AppGroup('search', help='Manage the index of words.')


def register(app: Flask) -> None:
    """Add the commands to `flask`; those of `flask db` are Flask-Migrate's."""
    if click.get_current_context(silent=True):
        migrating.bind(app)
    app.cli.add_command(user)
    app.cli.add_command(uploads)
    app.cli.add_command(search)


def core() -> Core:
    """The core, on a schema that is up to date. Raises ClickException."""
    run(migrating.prepare, 0)
    return cast(Core, current_app.extensions['chat'])


def accounts() -> Accounts:
    """The accounts of the core."""
    return core().accounts


def run(action: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R:
    """Call the function; its errors become one line."""
    try:
        return action(*arguments, **named)
    except ConfigError as error:
        raise click.ClickException(str(error)) from None
    except ChatError as error:
        complaints = '; '.join(f'{field} {text}' for field, texts in (error.errors or {}).items() for text in texts)
        raise click.ClickException(complaints or error.message) from None


@user.command()
@click.argument('username')
@click.argument('email')
@click.option('--display-name')
@click.password_option()
def create(username: str, email: str, display_name: str | None, password: str) -> None:
    """Make an account, also while registration is closed."""
    body = run(parse, Register, {
        'username': username, 'email': email, 'password': password, 'displayName': display_name})
    user_id = run(accounts().create, email=body.email, password=body.password, username=body.username,
                  display_name=body.display_name)
    click.echo(f'{username} has the id {user_id}')


@user.command()
@click.argument('name')
@click.password_option()
def passwd(name: str, password: str) -> None:
    """Set the password of a user (username or email); every sign-in of theirs ends."""
    run(parse, NewPassword, {'password': password})
    run(accounts().set_password, name, password)
    click.echo(f'{name} has a new password and is signed out everywhere')


@user.command()
@click.argument('name')
def reset(name: str) -> None:
    """Print a link by which a user (username or email) can set a new password, once, within an hour."""
    click.echo(run(core().password_resets.link, name))


@user.command()
@click.argument('name')
def deactivate(name: str) -> None:
    """Close an account (username or email): its messages stay, its connections end."""
    run(accounts().deactivate, name)
    click.echo(f'{name} is deactivated')


@user.command()
@click.argument('name')
@click.option('--revoke', is_flag=True, help='Take the role away.')
def admin(name: str, revoke: bool) -> None:
    """Make a user (username or email) an admin of every public room and of the lobby."""
    run(accounts().set_admin, name, not revoke)
    click.echo(f'{name} is {"no longer " if revoke else ""}a server admin')


@uploads.command()
def prune() -> None:
    """Remove files that nobody sent within a day, and what a crash left behind. A running server does it by itself."""
    count, strays = run(core().uploads.prune), run(core().files.sweep)
    click.echo(f'{count} uploads that were never sent and {strays} stray files are removed')


@search.command()
def index() -> None:
    """Index all messages that are not yet. A running server does it by itself, but more slowly."""
    click.echo(f'{run(core().search_index.index_all)} messages are indexed')
