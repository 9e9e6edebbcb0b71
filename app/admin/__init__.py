"""What administrators do to people and goods. It owns no table: it calls the domains below."""
