"""How people come in and stay in: sessions, second factors, lock-outs, other login providers, and the way in when all else fails.

Who may do what is given in `photohub.accounts`, of which this is a part.
"""
