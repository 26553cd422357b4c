"""The embedded OIDC provider, twin of Amazon Cognito: authorization code with PKCE, refresh with rotation, sign-out."""
