"""The embedded OIDC provider, twin of Cognito."""
