"""Flask's extensions, made here once and bound to the application by the factory; Flask-Migrate's place is migrating.py."""
from flask_bcrypt import Bcrypt
from flask_cors import CORS
from flask_jwt_extended import JWTManager
from flask_socketio import SocketIO
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import MetaData

NAMING = {  # so that migrations can name a constraint on every database
    'ix': 'ix_%(table_name)s_%(column_0_N_name)s',
    'uq': 'uq_%(table_name)s_%(column_0_N_name)s',
    'fk': 'fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s',
    'pk': 'pk_%(table_name)s',
}

db = SQLAlchemy(metadata=MetaData(naming_convention=NAMING))
jwt = JWTManager()
bcrypt = Bcrypt()
cors = CORS()
socketio = SocketIO()
