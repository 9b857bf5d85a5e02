"""torchvision's ResNet-50 without its last layer, on 8 pictures of 224 pixels, in the memory layout that is faster
here. A step uses the batch's statistics and takes a fixed gradient of the pooled rows back into all parameters."""

import torch
import torchvision

from ways import fastest
from with_torch import normalised, pictures, start

ROWS, SIZE, WIDTH = 8, 224, 2048


def network(layout, training):
    net = torchvision.models.resnet50(weights=None)
    net.fc = torch.nn.Identity()
    return net.to(memory_format=layout).train(training)


def way(layout, training):
    net, pixels = network(layout, training), pictures(ROWS, SIZE)
    upstream = 1e-3 * torch.randn(ROWS, WIDTH)

    def step():
        net.zero_grad()
        net(normalised(pixels).contiguous(memory_format=layout)).backward(upstream)

    @torch.inference_mode()
    def inference():
        net(normalised(pixels).contiguous(memory_format=layout))

    return step if training else inference


def open(variant, threads):
    start(threads)
    return fastest({"contiguous": way(torch.contiguous_format, variant == "step"),
                    "channels_last": way(torch.channels_last, variant == "step")})
