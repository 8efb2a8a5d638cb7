"""Flask's extensions, made here once and bound to the application by the factory; Flask-Migrate's place is migrating.py."""
from flask_bcrypt import Bcrypt
from flask_cors import CORS
from flask_jwt_extended import JWTManager
from flask_socketio import SocketIO
from flask_sqlalchemy import SQLAlchemy

from .core.tables import METADATA

db = SQLAlchemy(metadata=METADATA)
jwt = JWTManager()
bcrypt = Bcrypt()
cors = CORS()
socketio = SocketIO()
