"""The API of operators: one file per resource. To whoever is no operator none of these paths exists (AP-SES-08).

INVARIANT: no handler here returns what a user or an agent said.
"""
