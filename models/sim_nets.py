"""The networks of the bundle `sim`: small enough for a step of 100 ms, and able to read what lies in the sequence of rows.

Imported only where they are trained: it needs models/requirements-torch.txt.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import nn

import nets
from bundle_writer import Member
from nets import Plan
from windows import Windows

# Most epochs read short windows: what they teach holds for long ones, at a third of the time.
SHORT = 20
LSTM_SIZE = 16
CHANNELS = 8


class Cnn(nn.Module):
    """Two convolutions over time and a dense layer on what they say at the last step, where they see SHORT steps: one logit."""

    def __init__(self, features: int):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv1d(features, CHANNELS, 5), nn.ReLU(), nn.Conv1d(CHANNELS, CHANNELS, 4, dilation=5), nn.ReLU())
        self.head = nn.Linear(CHANNELS, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.layers(x.transpose(1, 2))[:, :, -1])


def fit(learn: Windows, up: np.ndarray, seed: int, say: Callable[[str], None]) -> dict[str, Member]:
    """Both networks as members that give `up_1`."""
    features, column = learn.rows.shape[1], up[:, None]
    plans = {
        "lstm": (lambda: nets.Lstm(features, (LSTM_SIZE,), 1), [(SHORT, 6, 1e-2), (learn.size, 2, 2e-3)]),
        "cnn": (lambda: Cnn(features), [(SHORT, 5, 5e-3), (learn.size, 1, 1e-3)]),
    }
    members = {}
    for name, (make, stages) in plans.items():
        for size, epochs, rate in stages:
            plan = Plan(seed=seed, epochs=epochs, batch=512, rate=rate, decay=1e-3)
            net = nets.fit(make, replace(learn, size=size), column, plan, say=lambda text, name=name: say(f"{name}, {text}"))
            make = lambda net=net: net.model  # noqa: E731
        members[name] = net.member({"up_1": "p[0]"}, learn.size, features)
    return members
