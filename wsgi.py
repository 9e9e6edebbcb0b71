"""The WSGI application: `gunicorn wsgi:app`, `flask …`."""

from app.factory import create_app

app = create_app()
