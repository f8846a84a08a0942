"""Momentum and Adam against their formulae."""

import numpy as np
import pytest

from dfa import Adam, Momentum


def walk(optimizer, parameters, gradients, rates):
    for step, rate in zip(gradients, rates, strict=True):
        optimizer.step(step, learning_rate=rate)
    return parameters


def problem(rng, dtype=np.float64):
    # The first array is longer than two blocks, so that a full and a partial one are at work.
    shapes = ((310, 523), (7, 3), (11,))
    parameters = [rng.normal(size=shape).astype(dtype) for shape in shapes]
    gradients = [[rng.normal(size=shape).astype(dtype) for shape in shapes] for _ in range(5)]
    return parameters, gradients, [0.1, 0.2, 0.05, 0.3, 0.1]


def momentum_longhand(parameter, gradients, rates, momentum):
    velocity = np.zeros_like(parameter)
    for gradient, rate in zip(gradients, rates, strict=True):
        velocity = momentum * velocity + gradient
        parameter = parameter - rate * velocity
    return parameter


def adam_longhand(parameter, gradients, rates, betas, epsilon):
    mean, square = np.zeros_like(parameter), np.zeros_like(parameter)
    for t, (gradient, rate) in enumerate(zip(gradients, rates, strict=True), start=1):
        mean = betas[0] * mean + (1 - betas[0]) * gradient
        square = betas[1] * square + (1 - betas[1]) * gradient**2
        unbiased = np.sqrt(square / (1 - betas[1] ** t)) + epsilon
        parameter = parameter - rate * mean / (1 - betas[0] ** t) / unbiased
    return parameter


# Five steps of length of order 1: rounding of a few operations each; 64 eps covers it in either precision.
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_momentum_follows_its_formula(rng, dtype):
    parameters, gradients, rates = problem(rng, dtype)
    expected = [
        momentum_longhand(p.astype(np.float64), [g[i] for g in gradients], rates, 0.7) for i, p in enumerate(parameters)
    ]
    moved = walk(Momentum(parameters, momentum=0.7), parameters, gradients, rates)
    for a, b in zip(moved, expected, strict=True):
        assert a.dtype == dtype
        np.testing.assert_allclose(a, b, rtol=0, atol=64 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_adam_follows_its_formula(rng, dtype):
    parameters, gradients, rates = problem(rng, dtype)
    expected = [
        adam_longhand(p.astype(np.float64), [g[i] for g in gradients], rates, (0.8, 0.99), 1e-3)
        for i, p in enumerate(parameters)
    ]
    moved = walk(Adam(parameters, betas=(0.8, 0.99), epsilon=1e-3), parameters, gradients, rates)
    for a, b in zip(moved, expected, strict=True):
        assert a.dtype == dtype
        np.testing.assert_allclose(a, b, rtol=0, atol=64 * np.finfo(dtype).eps)


def test_parameters_are_moved_in_place_and_gradients_are_not(rng):
    parameters, gradients, rates = problem(rng)
    for optimizer in (Momentum(parameters, momentum=0.9), Adam(parameters, betas=(0.9, 0.999))):
        before = [p.copy() for p in parameters]
        kept = [g.copy() for g in gradients[0]]
        optimizer.step(gradients[0], learning_rate=rates[0])
        assert all((p != b).any() for p, b in zip(parameters, before, strict=True))
        for old, new in zip(kept, gradients[0], strict=True):
            np.testing.assert_array_equal(old, new)


def test_zero_gradients_leave_adam_at_rest(rng):
    parameters, gradients, _ = problem(rng)
    kept = [p.copy() for p in parameters]
    Adam(parameters, betas=(0.9, 0.999)).step([np.zeros_like(g) for g in gradients[0]], learning_rate=0.1)
    for old, new in zip(kept, parameters, strict=True):
        np.testing.assert_array_equal(old, new)


def test_misfits_are_refused(rng):
    parameters, gradients, _ = problem(rng)
    for optimizer in (Momentum(parameters, momentum=0.9), Adam(parameters, betas=(0.9, 0.999))):
        with pytest.raises(ValueError, match="parameters of this optimiser are"):
            optimizer.step(gradients[0][:2], learning_rate=0.1)
        with pytest.raises(ValueError, match="parameters of this optimiser are"):
            optimizer.step([g.astype(np.float32) for g in gradients[0]], learning_rate=0.1)
        with pytest.raises(ValueError, match="not contiguous"):
            optimizer.step([np.asfortranarray(g) for g in gradients[0]], learning_rate=0.1)
    with pytest.raises(ValueError, match="not contiguous"):
        Momentum([np.zeros((4, 3)).T], momentum=0.9)
    with pytest.raises(TypeError, match=r"types \['float32', 'float64'\]; give all of them one"):
        Momentum([np.zeros(3), np.zeros(3, np.float32)], momentum=0.9)
    for momentum in (-0.1, 1.0, np.nan):
        with pytest.raises(ValueError, match="momentum is"):
            Momentum(parameters, momentum=momentum)
    for betas in ((0.9, 1.0), (-0.1, 0.9), (0.9,)):
        with pytest.raises(ValueError, match="betas are"):
            Adam(parameters, betas=betas)
    with pytest.raises(ValueError, match="epsilon is 0"):
        Adam(parameters, betas=(0.9, 0.999), epsilon=0)
