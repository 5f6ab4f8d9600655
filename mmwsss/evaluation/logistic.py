"""Logistic regression on a few hundred features, by SciPy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit


@dataclass(frozen=True)
class Logistic:
    """A fitted regression; features are standardised by the mean and deviation of those it was fitted on.

    Attributes:
        mean: float (D,).
        scale: float (D,), never 0.
        weight: float (D,), of the standardised features.
        bias: Of them.
    """

    mean: np.ndarray
    scale: np.ndarray
    weight: np.ndarray
    bias: float

    def probability(self, features: np.ndarray) -> np.ndarray:
        """Probabilities (N,) of features (N, D)."""
        return expit(((features - self.mean) / self.scale) @ self.weight + self.bias)


def fit_logistic(
    features: np.ndarray, target: np.ndarray, weight: np.ndarray | None = None, decay: float = 0.01
) -> Logistic:
    """Minimise the mean cross-entropy plus ``decay / 2 * |w|^2``.

    Args:
        features: float (N, D).
        target: float (N,) in [0, 1]; between for doubts.
        weight: float (N,), how much each row counts; by default each class counts alike.
        decay: Of the weights of the standardised features.
    """
    features, target = np.asarray(features, np.float64), np.asarray(target, np.float64)
    mean, scale = features.mean(0), features.std(0)
    scale = np.where(scale > 1e-8, scale, 1.0)
    rows = (features - mean) / scale
    if weight is None:
        share = float(np.clip(target.mean(), 1e-6, 1 - 1e-6))
        weight = target / share + (1 - target) / (1 - share)
    weight = weight / weight.sum()

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        logits = rows @ parameters[:-1] + parameters[-1]
        entropy = float((weight * (np.logaddexp(0, logits) - target * logits)).sum())
        error = weight * (expit(logits) - target)
        gradient = np.concatenate([rows.T @ error + decay * parameters[:-1], [error.sum()]])
        return entropy + decay / 2 * float((parameters[:-1] ** 2).sum()), gradient

    found = minimize(loss, np.zeros(rows.shape[1] + 1), jac=True, method='L-BFGS-B', options={'maxiter': 500}).x
    return Logistic(mean, scale, found[:-1], float(found[-1]))
