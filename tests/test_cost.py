import numpy as np
import torch
import torch.nn.functional as F

from mamlkit import cost, models


def test_arithmetic_and_memory_follow_the_theory():
    """A gradient costs 3 forward passes, a Hessian-vector product 6 (claim R4); the first layer saves a little."""
    params, net = models.mlp([32, 64, 64, 64, 1], torch.Generator().manual_seed(0))
    x, y = torch.randn(4, 400, 32), torch.randn(4, 400, 1)
    problem = {"loss_fn": lambda p, x, y: F.mse_loss(net(p, x), y), "params": params, "support": (x, y)}
    result = cost.measure((problem | {"query": (x, y), "num_steps": k} for k in [0, 1, 2, 4, 8]), repeats=1)
    for method, flops in result.flops.items():
        forward = result.flops["plain gradient"] / 3
        np.testing.assert_allclose(flops / forward, result.theory[method], rtol=0.12, err_msg=method)
    growth = {method: peak[-1] / peak[1] for method, peak in result.peak_bytes.items()}
    assert growth["MAML"] > 3.5
    maml = result.peak_bytes["MAML"]
    np.testing.assert_allclose((maml[4] - maml[3]) / 4, (maml[3] - maml[2]) / 2, rtol=0.02)  # a line in K
    assert growth["MAML, recomputed"] < 1.3
    assert growth["FOMAML"] < 1.2
