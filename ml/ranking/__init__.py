"""Which frame of a cluster wins, how sure that is, and why: a Bayesian conditional logit (see ml/cards/ranking.md)."""
