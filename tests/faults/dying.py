"""The application as the roles of a run with faults have it: it may be killed at any point."""

from app.factory import create_app
from tests.faults.points import arm

arm()
app = create_app()
