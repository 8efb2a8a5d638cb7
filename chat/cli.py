"""The host's commands: `flask user …`, `flask uploads …`."""
import click
from flask import current_app
from flask.cli import AppGroup

from . import migrating, schemas
from .errors import ChatError

user = AppGroup('user', help='Manage accounts.')
uploads = AppGroup('uploads', help='Manage uploaded files.')


def register(app):
    """Add the commands to `flask`; those of `flask db` are Flask-Migrate's."""
    if click.get_current_context(silent=True):
        migrating.bind(app)
    app.cli.add_command(user)
    app.cli.add_command(uploads)


def core():
    """The core, on a schema that is up to date."""
    if current_app.config['AUTO_MIGRATE']:
        migrating.upgrade()
    return current_app.extensions['chat']


def accounts():
    return core().accounts


def run(action, *arguments, **named):
    """Call the core; its errors become one line."""
    try:
        return action(*arguments, **named)
    except ChatError as error:
        complaints = '; '.join(f'{field} {text}' for field, texts in (error.errors or {}).items() for text in texts)
        raise click.ClickException(complaints or error.message) from None


@user.command()
@click.argument('username')
@click.argument('email')
@click.option('--display-name')
@click.password_option()
def create(username, email, display_name, password):
    """Make an account, also while registration is closed."""
    body = run(schemas.parse, schemas.Register, {
        'username': username, 'email': email, 'password': password, 'displayName': display_name})
    user_id = run(accounts().create, email=body.email, password=body.password, username=body.username,
                  display_name=body.display_name)
    click.echo(f'{username} has the id {user_id}')


@user.command()
@click.argument('name')
@click.password_option()
def passwd(name, password):
    """Set the password of a user (username or email); every sign-in of theirs ends."""
    run(schemas.parse, schemas.NewPassword, {'password': password})
    run(accounts().set_password, name, password)
    click.echo(f'{name} has a new password and is signed out everywhere')


@user.command()
@click.argument('name')
def deactivate(name):
    """Close an account (username or email): its messages stay, its connections end."""
    run(accounts().deactivate, name)
    click.echo(f'{name} is deactivated')


@user.command()
@click.argument('name')
@click.option('--revoke', is_flag=True, help='Take the role away.')
def admin(name, revoke):
    """Make a user (username or email) an admin of every public room and of the lobby."""
    run(accounts().set_admin, name, not revoke)
    click.echo(f'{name} is {"no longer " if revoke else ""}a server admin')


@uploads.command()
def prune():
    """Remove files that nobody sent within a day, and what a crash left behind. A running server does it by itself."""
    count, strays = run(core().uploads.prune), run(core().files.sweep)
    click.echo(f'{count} uploads that were never sent and {strays} stray files are removed')
