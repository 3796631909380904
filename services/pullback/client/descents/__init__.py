"""Descents: an optimiser's loop that runs on the service, followed from here."""

from __future__ import annotations

from pullback.client.descents.asynchronous import AsyncDescent
from pullback.client.descents.blocking import Descent
from pullback.client.descents.optimizers import LBFGS, SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop
from pullback.client.descents.plans import MiniBatches
from pullback.client.descents.reading import Descended, DescentPoint, DescentState
from pullback.client.descents.schedules import (
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    ExponentialLR,
    LinearLR,
    MultiStepLR,
    PolynomialLR,
    Schedule,
    StepLR,
)

__all__ = [
    "LBFGS",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "AsyncDescent",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "Descended",
    "Descent",
    "DescentPoint",
    "DescentState",
    "ExponentialLR",
    "LinearLR",
    "MiniBatches",
    "MultiStepLR",
    "Optimizer",
    "PolynomialLR",
    "RMSprop",
    "Schedule",
    "StepLR",
]
