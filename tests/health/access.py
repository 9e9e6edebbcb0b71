"""Who may call the routes of health."""

from app.kit.access import Access

RULES = {
    "health.alive": Access.PUBLIC,
    "health.ready": Access.PUBLIC,
    "health.metrics_for_monitoring": Access.PUBLIC,
    "health.favicon": Access.PUBLIC,
    "health.robots": Access.PUBLIC,
    "health.security": Access.PUBLIC,
    "health.status": Access.PUBLIC,
}
