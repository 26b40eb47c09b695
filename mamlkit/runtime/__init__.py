"""How a step is run: recorded, compiled, spread over processes. It knows tensors, and nothing of meta-learning."""
