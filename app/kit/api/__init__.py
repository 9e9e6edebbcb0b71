"""The JSON face of the shop: operations below /api/v1, their manners, and their OpenAPI document.

A domain's `api` room holds the routes, its `schemas` room what goes in and comes out. A route is
written like a page's: the rule of access, then the operation, then one call of a service.
"""
