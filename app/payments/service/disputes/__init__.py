"""Disputes: what PayPal says of them, booked once, and what is said to PayPal."""
