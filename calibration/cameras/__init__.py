"""A camera's figures from its frames: EMVA 1288, likelihood with the exact converter, characterisation on a bench."""
