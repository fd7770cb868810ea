"""Learning algorithms: DS, DDPG, PPO."""
