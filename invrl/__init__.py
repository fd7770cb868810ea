"""invrl: deep reinforcement learning for replenishment, with policy regularisation.

Shape letters used in every docstring and comment:
    N  SKU-warehouse pairs         T  days                  L  longest lead time
    P  review period, days         C  review cycles         F  network features
    K  demand regressors (4)       A  raw outputs of a form B  pairs in a block
"""

__version__ = "0.1.0"
