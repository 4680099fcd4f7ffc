"""How people come in and stay in: sessions, second factors, lock-outs, other login providers, and the way in when all else fails.

Accounts and roles are a floor above, in `photohub.accounts`.
"""
