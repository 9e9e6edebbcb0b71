"""Tools shared by all domains. Imports none of them."""
