"""How a policy is made: the loop (`trainer.py`) and a session from config to results (`session.py`).

Imports `scoring` and `experiment`. Algorithms never import this room: the loop runs any `Algorithm`.
"""
