"""Moderation of users and products. It owns no table: it calls the domains below."""
