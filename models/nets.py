"""Neural members: networks over windows of rows, trained with PyTorch on one thread. Needs models/requirements-torch.txt.

Everything else of models/ runs without PyTorch, so recipes import this module only where they train or ask a network. The same
rows, labels, plan and library give the same bytes on one kind of processor.
"""

import copy
import os
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

# Before PyTorch is loaded: sums in another order would give other bytes.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch  # noqa: E402
from torch import nn  # noqa: E402

import export  # noqa: E402
from bundle_writer import Member  # noqa: E402
from windows import Windows  # noqa: E402


@dataclass(frozen=True)
class Plan:
    """How a network is trained. Without a part to stop on it runs for all `epochs`."""

    seed: int
    epochs: int
    patience: int = 3
    batch: int = 256
    rate: float = 1e-3
    decay: float = 1e-4
    clip: float = 1.0


class Lstm(nn.Module):
    """LSTM layers of the given sizes, dense layers on the last step, one logit an output."""

    def __init__(self, features: int, sizes: tuple[int, ...], outputs: int, dense: tuple[int, ...] = (), dropout: float = 0.0):
        super().__init__()
        self.layers = nn.ModuleList(nn.LSTM(wide, size, batch_first=True) for wide, size in zip((features, *sizes), sizes))
        self.drop = nn.Dropout(dropout)
        widths = (sizes[-1], *dense)
        self.dense = nn.ModuleList(nn.Linear(wide, size) for wide, size in zip(widths, dense))
        self.head = nn.Linear(widths[-1], outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = self.drop(layer(x)[0])
        x = x[:, -1]
        for layer in self.dense:
            x = torch.relu(layer(x))
        return self.head(x)


class Probabilities(nn.Module):
    """A network's logits as probabilities: what is exported."""

    def __init__(self, logits: nn.Module):
        super().__init__()
        self.logits = logits

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(self.logits(x))


@dataclass
class Net:
    """A trained network: `epochs` is how long it was trained, `loss` the least mean loss of the part that it stopped on."""

    model: nn.Module
    epochs: int
    loss: float

    def predict(self, windows: Windows) -> np.ndarray:
        """[n, outputs] probabilities, in float64."""
        return answer(Probabilities(copy.deepcopy(self.model).double().eval()), windows)

    def member(self, gives: dict[str, str], size: int, features: int, **more: object) -> Member:
        """The network as a bundle's member; its graph has the input `x` and the output `p`."""
        graph = export.export_torch(Probabilities(self.model), (size, features))
        return Member(graph, gives, self.predict, abs=5e-6, window=True, **more)


def answer(model: nn.Module, windows: Windows) -> np.ndarray:
    """The model's outputs for windows, in its own precision."""
    kind = next(model.parameters()).dtype
    with torch.no_grad():
        parts = [model(torch.from_numpy(part.values()).to(kind)).numpy() for part in windows.parts()]
    return np.concatenate(parts).astype(np.float64)


def fit(
    make: Callable[[], nn.Module],
    windows: Windows,
    up: np.ndarray,
    plan: Plan,
    stop: tuple[Windows, np.ndarray] | None = None,
    say: Callable[[str], None] = print,
) -> Net:
    """Trains on windows and their outcomes ([n, outputs], true or false), in batches drawn by the plan's seed.

    `stop` is a later part of time: training ends when its loss has not fallen for `patience` epochs, and the network is that of
    the best epoch. Train anew on both parts for that many epochs when none of the rows should be lost.
    """
    one_thread()
    torch.manual_seed(plan.seed)
    rng = np.random.default_rng(plan.seed)
    model = make()
    optimiser = torch.optim.AdamW(model.parameters(), lr=plan.rate, weight_decay=plan.decay)
    best = Net(model, plan.epochs, np.inf)
    for epoch in range(1, plan.epochs + 1):
        learnt = run_epoch(model, optimiser, windows, up, plan, rng)
        if stop is None:
            say(f"epoch {epoch}: loss {learnt:.5f}")
            continue
        loss = loss_of(model, *stop)
        say(f"epoch {epoch}: loss {learnt:.5f}, of the later part {loss:.5f}")
        if loss < best.loss:
            best = Net(copy.deepcopy(model), epoch, loss)
        elif epoch - best.epochs >= plan.patience:
            break
    best.model.eval()
    return best


def one_thread() -> None:
    """Results that do not depend on the machine's load or its number of cores."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)


def run_epoch(model: nn.Module, optimiser, windows: Windows, up: np.ndarray, plan: Plan, rng: np.random.Generator) -> float:
    """Every window once, in a new order; the mean loss on the way."""
    model.train()
    losses = []
    for chosen in np.array_split(rng.permutation(len(windows)), max(len(windows) // plan.batch, 1)):
        x, y = torch.from_numpy(windows.take(chosen).values()), torch.from_numpy(up[chosen].astype(np.float32))
        optimiser.zero_grad()
        loss = nn.functional.binary_cross_entropy_with_logits(model(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), plan.clip)
        optimiser.step()
        losses.append(loss.item())
    return float(np.mean(losses))


def loss_of(model: nn.Module, windows: Windows, up: np.ndarray) -> float:
    """Mean loss of unseen windows."""
    logits = answer(model.eval(), windows)
    return float(np.mean(np.logaddexp(0.0, logits) - up * logits))
