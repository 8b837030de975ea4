"""SMART App Launch 2.2 as a client: discovery, authorization, tokens, identity."""
