"""Simulators: against a matrix power, the conserved energy, the potential's derivative, and mirrors."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from gradverify.verification.experiments.nri import simulation
from gradverify.verification.experiments.nri.simulation import BOX, STEP, charged_force, reflect, simulate, spring_force

STRENGTH = 0.5


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def links_of(edges: Tensor, particles: int) -> Tensor:
    """The edges' labels back as matrices."""
    matrix = torch.zeros(len(edges), particles, particles, dtype=torch.float64)
    matrix[:, ~torch.eye(particles, dtype=torch.bool)] = edges.double()
    return matrix


def one_frame(links: Tensor) -> Tensor:
    """The linear map of (x, v) over a hundred steps without walls: ``x += dt v; v += dt F(x)``, one coordinate."""
    particles = len(links)
    force = STRENGTH * (links - torch.diag(links.sum(1)))
    eye, zero = torch.eye(particles, dtype=torch.float64), torch.zeros(particles, particles, dtype=torch.float64)
    drift = torch.cat((torch.cat((eye, STEP * eye), 1), torch.cat((zero, eye), 1)))
    kick = torch.cat((torch.cat((eye, zero), 1), torch.cat((STEP * force, eye), 1)))
    return torch.linalg.matrix_power(kick @ drift, 100)


def relative_error(force: float) -> float:
    """Largest difference between simulated frames and those of the matrix power, with springs of `force`."""
    found = simulate("springs", 6, 601, generator(), strength=force)
    links = links_of(found.edges, 5)
    worst = 0.0
    for graph, frames in zip(links, found.frames, strict=True):
        position, velocity = frames[..., :2], frames[..., 2:]
        power = one_frame(graph)
        # A frame is recorded after a drift and before the kick that the map ends with.
        kicked = velocity + STEP * STRENGTH * torch.einsum("ij,jtd->itd", graph - torch.diag(graph.sum(1)), position)
        state = torch.cat((position, kicked))
        expected = torch.einsum("ij,jtd->itd", power, state[:, :-1])
        worst = max(worst, float((expected - state[:, 1:]).abs().max()))
    return worst


def test_springs_without_walls_are_a_matrix_power() -> None:
    assert relative_error(STRENGTH) < 1e-12


def test_the_matrix_power_sees_another_spring_constant() -> None:
    assert relative_error(1.01 * STRENGTH) > 1e-6


def test_edges_and_frames_have_the_specified_shape() -> None:
    found = simulate("springs", 3, 2600, generator(), particles=4)
    assert found.frames.shape == (3, 4, 25, 4)
    assert found.frames.dtype == torch.float64
    links = links_of(found.edges, 4)
    assert torch.equal(links, links.mT)
    assert set(found.edges.flatten().tolist()) == {0, 1}


def test_charges_of_one_sign_have_edges_of_type_one() -> None:
    found = simulate("charged", 40, 101, generator(), particles=3)
    alike = links_of(found.edges, 3)
    # Of three charges two are alike: one pair, or all three.
    assert set(alike.sum((1, 2)).tolist()) == {2.0, 6.0}


def energy(found: simulation.Trajectories, *, of_springs: bool) -> Tensor:
    """Kinetic and potential energy of every frame, half a step's error included."""
    position, velocity = found.frames[..., :2], found.frames[..., 2:]
    apart = (position[:, :, None] - position[:, None]).square().sum(-1)
    types = links_of(found.edges, position.shape[1])[..., None]
    if of_springs:
        pairs = STRENGTH / 2 * types * apart
    else:
        signs = (2 * types - 1) * (1 - torch.eye(position.shape[1]))[..., None]
        pairs = signs / apart.clamp_min(1e-12).sqrt()
    return velocity.square().sum((1, 3)) / 2 + pairs.sum((1, 2)) / 2


def test_springs_conserve_energy_to_the_order_of_a_step() -> None:
    """A leapfrog's error oscillates and does not drift: O(dt), velocities being half a step late."""
    found = simulate("springs", 20, 5000, generator(), strength=STRENGTH)
    total = energy(found, of_springs=True)
    assert float(((total - total[:, :1]) / total[:, :1]).abs().max()) < 10 * STEP


def test_energy_sees_a_force_of_the_wrong_size(monkeypatch: pytest.MonkeyPatch) -> None:
    right = simulation.spring_force
    monkeypatch.setattr(simulation, "spring_force", lambda links, strength: right(links, 1.1 * strength))
    total = energy(simulate("springs", 20, 5000, generator(), strength=STRENGTH), of_springs=True)
    assert float(((total - total[:, :1]) / total[:, :1]).abs().max()) > 10 * STEP


def test_walls_turn_particles_back() -> None:
    found = simulate("springs", 50, 20_000, generator(), strength=1e-9)
    assert float(found.frames[..., :2].abs().max()) <= BOX
    # Free particles of speed 1/2 travel ten units in 20,000 steps: many of them met a wall, and all kept their speed.
    speed = found.frames[..., 2:].norm(dim=-1)
    assert float((speed - 0.5).abs().max()) < 1e-6
    assert bool((found.frames[:, :, 0, 2:].sign() != found.frames[:, :, -1, 2:].sign()).any())


def test_a_mirror_turns_only_what_is_outside() -> None:
    position, velocity = torch.tensor([5.5, -5.25, 1.0]), torch.tensor([-2.0, -3.0, -1.0])
    inside, inward = reflect(position, velocity)
    assert inside.tolist() == [4.5, -4.75, 1.0]
    # On the high side v becomes -|v| whatever its sign was.
    assert inward.tolist() == [-2.0, 3.0, -1.0]


def test_the_charged_force_is_the_potentials_derivative() -> None:
    position = torch.randn(2, 4, 3, generator=generator(), dtype=torch.float64, requires_grad=True)
    charges = torch.tensor([[1.0, -1, 1, -1], [1, 1, 1, -1], [-1, -1, -1, -1]], dtype=torch.float64)
    apart = (position[:, :, None] - position[:, None]).square().sum(0)
    above = torch.ones(4, 4, dtype=torch.bool).triu(1)
    pairs = (charges[:, :, None] * charges[:, None, :]).permute(1, 2, 0)
    potential = (pairs[above] / apart[above].sqrt()).sum()
    (gradient,) = torch.autograd.grad(potential, position)
    found = charged_force(charges)(position.detach())
    assert float((found + gradient).abs().max()) < 1e-12
    assert float((2 * found + gradient).abs().max()) > 1e-3


def test_the_spring_force_acts_on_joined_pairs_alone_and_is_clipped() -> None:
    links = torch.tensor([[[0.0, 1, 0], [1, 0, 0], [0, 0, 0]]], dtype=torch.float64)
    position = torch.tensor([[1.0, 0, 9], [0, 2, 9]], dtype=torch.float64).unsqueeze(-1)
    assert spring_force(links, 0.5)(position).squeeze(-1).tolist() == [[-0.5, 0.5, 0.0], [1.0, -1.0, 0.0]]
    assert float(spring_force(links, 1e6)(position).abs().max()) == 100


def test_same_seed_same_trajectories() -> None:
    first, again, other = (simulate("charged", 3, 101, generator(seed)).frames for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(
    ("arguments", "said"), [(("gas", 1, 200), "expected one of springs, charged"), (("springs", 1, 100), "101")]
)
def test_what_cannot_be_simulated_is_refused(arguments: tuple, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        simulate(*arguments, generator())
