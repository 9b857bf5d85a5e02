"""Makes tests/golden/resnet.safetensors: pooled features of torchvision's ResNets by PyTorch in float64.

Needs `pip install torch torchvision numpy safetensors` (2.15, 0.29, 2.4 and 0.8 were used):

    python tools/golden/resnet.py --out tests/golden/resnet.safetensors

Weights, running statistics and pictures come from formula.py; the file holds, for each network, its features in
inference and the sum of its weights. tests/model/test_resnet.c makes the same weights in C.
"""

import argparse
import pathlib

import numpy as np
import torch
import torchvision
from safetensors.numpy import save_file

from formula import parameter, pixels

PICTURES, SIZE = 3, 72  # 72: odd sizes further down, where padding matters
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def rounded(x):
    """The values that a file of floats holds."""
    return torch.from_numpy(x.astype(np.float32).astype(np.float64))


def features(name):
    net = getattr(torchvision.models, name)(weights=None).double().eval()
    state = {k: rounded(parameter(k, tuple(v.shape))) for k, v in net.state_dict().items()
             if not k.endswith("num_batches_tracked")}
    net.load_state_dict(state, strict=False)
    total = sum(v.sum().item() for k, v in state.items() if not k.startswith("fc."))
    net.fc = torch.nn.Identity()
    x = pixels("pictures", PICTURES * SIZE * SIZE * 3).reshape(PICTURES, SIZE, SIZE, 3) / 255.0
    x = torch.from_numpy((x - MEAN) / STD).permute(0, 3, 1, 2)
    with torch.no_grad():
        return net(x).numpy(), total


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=pathlib.Path, required=True)
    out = {}
    for name in ("resnet18", "resnet50"):
        y, total = features(name)
        out[f"{name}.features"], out[f"{name}.sum"] = y.astype(np.float32), np.array([total])
        print(f"{name}: features {y.shape} of {np.abs(y).mean():.4g}, weights add up to {total:.6f}")
    save_file(out, parser.parse_args().out)


if __name__ == "__main__":
    main()
