"""The journeys of a connection, one module each; every HTTP call but the refresh stands outside a
transaction.
"""
