"""The order of patches is read off trained weights, fine-tuned, rounded, in both orders; and not off random ones."""

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import fill
import pytest
import torch
from birefnet_video.model import BiRefNet, load_checkpoint, patch_order, save_checkpoint
from birefnet_video.model.config import preset
from birefnet_video.model.evidence import evidence
from birefnet_video.model.patch_filters import Lead, neighbour_leads
from birefnet_video.model.patch_order import FoundOrder, find_patch_order, reorder_patches
from birefnet_video.model.patch_pictures import Verdict, ask_pictures
from birefnet_video.model.preprocess import preprocess
from official import manifests, official_weights
from old_order import as_old_file, write_without_order
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from birefnet_video.zoo.files import weights_path

ORBIT = Path(__file__).parents[2] / "samples" / "training" / "orbit"
WEIGHTS = weights_path("tiny")
SIDE, BATCH = 64, 4


def pictures() -> tuple[Tensor, Tensor]:
    """The training sample: pictures (N, 3, SIDE, SIDE) and mattes (N, 1, SIDE, SIDE)."""
    shots = sorted((ORBIT / "im").glob("*.jpg"))
    x = torch.stack([preprocess(cv2.imread(str(shot))[..., ::-1], (SIDE, SIDE)) for shot in shots])
    mattes = [cv2.imread(str(ORBIT / "gt" / f"{shot.stem}.png"), cv2.IMREAD_GRAYSCALE) for shot in shots]
    small = [cv2.resize(matte, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for matte in mattes]
    return x, torch.stack([torch.from_numpy(matte)[None] for matte in small]) / 255


def train(net: BiRefNet, steps: int, rate: float, seed: int) -> BiRefNet:
    """A copy that has gone some steps with other pictures for each seed."""
    net, (x, y) = copy.deepcopy(net).train(), pictures()
    optimiser, chance = torch.optim.AdamW(net.parameters(), lr=rate), torch.Generator().manual_seed(seed)
    for _ in range(steps):
        chosen = torch.randperm(len(x), generator=chance)[:BATCH]
        flips = [3] if torch.rand((), generator=chance) < 0.5 else []
        truth = y[chosen].flip(flips)
        sides = net(x[chosen].flip(flips)).predictions
        loss = torch.stack(
            [F.binary_cross_entropy_with_logits(F.interpolate(side, (SIDE, SIDE)), truth) for side in sides]
        ).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return net.eval()


@pytest.fixture(scope="module")
def tiny() -> BiRefNet:
    return load_checkpoint(WEIGHTS, patch_order="current")


@pytest.fixture(scope="session")
def fresh() -> BiRefNet:
    """Trained here from random weights, with inward references as the published networks have them."""
    torch.manual_seed(0)
    return train(BiRefNet(replace(preset("tiny"), inward_kernel=3, inward_hidden=64)), steps=15, rate=1e-3, seed=0)


def in_half(net: BiRefNet) -> BiRefNet:
    """A copy rounded to float16 and back."""
    return copy.deepcopy(net).half().float()


def leads_of(net: BiRefNet) -> dict[str, Lead]:
    return dict(neighbour_leads(net.reconstruction.patch_convolutions()))


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(net: BiRefNet) -> Verdict:
        raise AssertionError("filters that are sure need no pictures")

    monkeypatch.setattr(patch_order, "_ask", refuse)


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("name", ["tiny", "fresh"])
def test_trained_weights_are_recognised_in_both_orders_after_fine_tuning_and_rounding(
    name: str, seed: int, request: pytest.FixtureRequest
) -> None:
    net = request.getfixturevalue(name)
    tuned = train(net, steps=2, rate=1e-4, seed=seed)
    torch.manual_seed(seed)
    for conv in tuned.reconstruction.patch_convolutions():
        conv.weight.data += 0.3 * conv.weight.std() * torch.randn_like(conv.weight)
    for current in (tuned, in_half(tuned)):
        old = as_old_file(current)
        assert find_patch_order(current).order == "current"
        assert find_patch_order(old).order == "legacy"
        reorder_patches(old)
        assert all(torch.equal(a, b) for a, b in zip(old.parameters(), current.parameters(), strict=True))
        right, wrong = leads_of(current)["current"], leads_of(current)["legacy"]
        old_right, old_wrong = leads_of(as_old_file(current))["legacy"], leads_of(as_old_file(current))["current"]
        print(f"{name} {seed}: as current {right.errors:.1f} and {wrong.errors:.1f}", end=", ")
        print(f"as legacy {old_right.errors:.1f} and {old_wrong.errors:.1f}")


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize("steps", [3, 10])
def test_a_few_steps_from_random_weights_are_enough(steps: int) -> None:
    torch.manual_seed(1)
    net = train(BiRefNet(replace(preset("tiny"), inward_kernel=3, inward_hidden=64)), steps, rate=1e-3, seed=1)
    assert find_patch_order(net).order == "current"
    assert find_patch_order(as_old_file(net)).order == "legacy"


def patch_convolutions(seed: int) -> list[nn.Conv2d]:
    torch.manual_seed(seed)
    return [nn.Conv2d(3 * side * side, 64, 3) for side in (32, 16, 8, 4)]


@pytest.mark.parametrize("rounded", [False, True], ids=["fp32", "fp16"])
def test_filters_of_random_weights_lead_in_no_order(rounded: bool) -> None:
    errors = []
    for seed in range(10):
        convolutions = patch_convolutions(seed)
        for conv in convolutions if rounded else []:
            conv.weight.data = conv.weight.data.half().float()
        errors += [lead.errors for lead in neighbour_leads(convolutions).values()]
    print(f"random weights: at most {max(errors):.1f} standard errors")
    assert max(errors) < patch_order._LEANS


@pytest.mark.parametrize("architecture", sorted(manifests()))
def test_filters_of_weights_filled_by_chance_lead_in_no_order(architecture: str) -> None:
    with torch.device("meta"):
        convolutions = patch_convolutions(0)
    for conv, block in zip(convolutions, (5, 4, 3, 2), strict=True):
        key, shape = next(
            (k, s) for k, s, _ in manifests()[architecture] if k == f"decoder.ipt_blk{block}.conv1.weight"
        )
        conv.weight = nn.Parameter(torch.from_numpy(fill.value(key, shape)))
    errors = [lead.errors for lead in neighbour_leads(convolutions).values()]
    assert max(errors) < patch_order._LEANS


@pytest.mark.parametrize("seed", range(10))
def test_random_weights_are_undecidable_and_stay_as_they_are(seed: int) -> None:
    torch.manual_seed(seed)
    net = BiRefNet(preset("tiny")).eval()
    before = copy.deepcopy(net.state_dict())
    found = find_patch_order(net)
    assert (found.order, found.taken) == ("undecidable", "current")
    assert "--patch-order" in found.words and "does not find their subjects" in found.words
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())


def test_weights_trained_in_one_order_and_then_in_the_other_are_left_to_the_pictures(
    tiny: BiRefNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    mixed = as_old_file(tiny)
    for conv, learned in zip(
        mixed.reconstruction.patch_convolutions(), tiny.reconstruction.patch_convolutions(), strict=True
    ):
        conv.weight.data += 0.4 * learned.weight.data
    for said, order in (("current", "current"), ("legacy", "legacy"), (None, "undecidable")):
        monkeypatch.setattr(patch_order, "ask_pictures", lambda *_, said=said: Verdict(said, "pictures speak"))
        found = find_patch_order(mixed)
        assert found.order == order
        assert "trained in both; pictures speak" in found.evidence


@pytest.mark.parametrize(
    ("current", "legacy", "said", "order", "words"),
    [
        (1.0, 1.0, "legacy", "legacy", "; pictures speak"),
        (1.0, 4.0, "legacy", "legacy", "; pictures speak"),
        (4.0, 1.0, "legacy", "current", "contradicts that, and filters are less often wrong"),
        (4.0, 4.0, "legacy", "legacy", "; pictures speak"),
        (5.9, 0.0, None, "undecidable", "which is not enough; pictures speak"),
        (float("nan"), float("nan"), None, "undecidable", "not enough"),
        (6.1, 5.9, None, "current", "0.06 more alike than others as current (6 standard errors)"),
    ],
)
def test_what_is_not_sure_is_weighed(
    current: float, legacy: float, said: str | None, order: str, words: str,
    tiny: BiRefNet, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    leads = {"current": Lead(current / 100, current), "legacy": Lead(legacy / 100, legacy)}
    monkeypatch.setattr(patch_order, "neighbour_leads", lambda convolutions: leads)
    monkeypatch.setattr(patch_order, "ask_pictures", lambda *_: Verdict(said, "pictures speak"))  # type: ignore[arg-type]
    found = find_patch_order(tiny)
    assert found.order == order and words in found.evidence


def test_a_trace_of_the_other_order_is_no_training_in_it(tiny: BiRefNet, monkeypatch: pytest.MonkeyPatch) -> None:
    leads = {"current": Lead(0.004, 9.0), "legacy": Lead(0.5, 30.0)}
    monkeypatch.setattr(patch_order, "neighbour_leads", lambda convolutions: leads)
    assert find_patch_order(tiny).order == "legacy"


def matter(blurs: list[float]) -> Callable[[Tensor], Tensor]:
    """Stands for a network that knows the mattes: edges of each picture in turn as wide as is said."""
    known, turns = list(evidence()), iter(blurs)
    views = [preprocess(each.rgb, (512, 512)) for each in known]

    def run(x: Tensor) -> Tensor:
        index = next(i for i, view in enumerate(views) if torch.equal(view, x[0]))
        alpha = cv2.GaussianBlur(cv2.resize(known[index].alpha, (512, 512)), (0, 0), next(turns))
        return torch.logit(torch.from_numpy(alpha).clamp(1e-3, 1 - 1e-3))[None, None]

    return run


@pytest.mark.parametrize(
    ("current", "legacy", "order", "words"),
    [
        ([3, 3, 3, 3], [3.1, 3.1, 4, 9], "current", "edges of 4 known mattes are nearer and more certain as current"),
        ([3.1, 3.1, 4, 9], [3, 3, 3, 3], "legacy", "edges of 4 known mattes are nearer and more certain as legacy"),
        ([3, 3, 9, 3], [9, 9, 3, 9], None, "do not agree"),
        ([3, 3, 3, 3], [3, 3, 3, 3], None, "do not agree"),
        ([400, 3, 3, 3], [400, 3, 3, 3], None, "does not find their subjects"),
    ],
)  # fmt: skip
def test_pictures_decide_if_all_agree(current: list[float], legacy: list[float], order: str | None, words: str) -> None:
    verdict = ask_pictures(matter(current), matter(legacy))
    assert verdict.order == order and words in verdict.words


def test_the_known_pictures_are_small_and_each_shows_a_subject_with_soft_edges() -> None:
    known = list(evidence())
    assert len(known) == 4
    for each in known:
        assert each.rgb.shape == (*each.alpha.shape, 3)
        assert 0.05 < (each.alpha > 0.5).mean() < 0.5
    assert all(((each.alpha > 0) & (each.alpha < 1)).any() for each in known[1:])
    assert all(path.stat().st_size < 20_000 for path in WEIGHTS.parent.glob("evidence*"))


def test_a_saved_file_says_that_it_is_in_the_current_order(tiny: BiRefNet, tmp_path: Path) -> None:
    save_checkpoint(as_old_file(tiny), tmp_path / "saved.safetensors")
    said = load_checkpoint(tmp_path / "saved.safetensors")
    # The file counts, not its weights.
    assert said.patch_order == FoundOrder("current", "as its file says", is_judged=False)
    assert said.patch_order_note == "patch order current (as its file says)"
    asked = load_checkpoint(tmp_path / "saved.safetensors", patch_order="legacy")
    assert asked.patch_order == FoundOrder("legacy", "as was asked for", is_judged=False)
    assert all(torch.equal(a, b) for a, b in zip(asked.parameters(), tiny.parameters(), strict=True))


def test_a_file_of_an_earlier_version_is_judged_by_its_weights(tiny: BiRefNet, tmp_path: Path) -> None:
    net = load_checkpoint(write_without_order(as_old_file(tiny), tmp_path / "earlier.safetensors"))
    assert net.patch_order is not None and net.patch_order.order == "legacy" and net.patch_order.is_judged
    assert net.patch_order_note.startswith("patch order legacy (filters of neighbouring pixels are")
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), tiny.parameters(), strict=True))


def test_an_official_file_with_random_weights_is_read_as_current_and_says_so(tmp_path: Path) -> None:
    weights = official_weights("swin_v1_t")
    save_file(weights, tmp_path / "net.safetensors")
    net = load_checkpoint(tmp_path / "net.safetensors")
    loaded = net.reconstruction.stages[1].inward.conv_in.weight
    assert torch.equal(loaded, weights["decoder.ipt_blk4.conv1.weight"])
    assert "undecidable" in net.patch_order_note and "read as current" in net.patch_order_note
