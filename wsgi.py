"""The WSGI application: `gunicorn wsgi:app`, `flask …`."""

import sys

from pydantic import ValidationError

from app.factory import create_app
from app.settings import complaints

try:
    app = create_app()
except ValidationError as error:
    sys.stderr.write(complaints(error))
    sys.exit(3)  # by which gunicorn knows that there is no use in another try
