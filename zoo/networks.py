"""The two networks of the zoo: a small residual CNN and a small vision transformer.

Both take `image` f32 [batch, 1, 28, 28] and give `logits` f32 [batch, 10]. Reshapes use fixed sizes
with one -1 for the batch, so that the exported graphs hold no shape arithmetic.
"""

import torch
from torch import nn
from torch.nn import functional


def conv_bn_relu(inputs, outputs, stride=1, kernel=3, groups=1):
    """Convolution without bias, batch normalization and ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


class DigitsCnn(nn.Module):
    """Convolutions of 8 to 64 channels with one residual and one depthwise-separable block."""

    title = "small residual convolutional network"
    # Layer, its output for one image, the modules that hold its parameters.
    rows = [
        ("convolution 3x3, batch norm, ReLU", "8x28x28", ["stem"]),
        ("convolution 3x3 stride 2, batch norm, ReLU", "16x14x14", ["down"]),
        ("residual: 2 x (convolution 3x3, batch norm), add, ReLU", "16x14x14",
         ["residual_1", "residual_2"]),
        ("depthwise convolution 3x3 stride 2, batch norm, ReLU", "16x7x7", ["depthwise"]),
        ("pointwise convolution 1x1, batch norm, ReLU", "32x7x7", ["pointwise"]),
        ("convolution 3x3, batch norm, ReLU", "64x7x7", ["widen"]),
        ("convolution 3x3, batch norm, ReLU", "64x7x7", ["last"]),
        ("global average pool, flatten", "64", []),
        ("linear", "10", ["head"]),
    ]

    def __init__(self):
        super().__init__()
        self.stem = conv_bn_relu(1, 8)
        self.down = conv_bn_relu(8, 16, stride=2)
        self.residual_1 = conv_bn_relu(16, 16)
        self.residual_2 = conv_bn_relu(16, 16)[:2]
        self.depthwise = conv_bn_relu(16, 16, stride=2, groups=16)
        self.pointwise = conv_bn_relu(16, 32, kernel=1)
        self.widen = conv_bn_relu(32, 64)
        self.last = conv_bn_relu(64, 64)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(64, 10)

    def forward(self, image):
        x = self.down(self.stem(image))
        x = functional.relu(x + self.residual_2(self.residual_1(x)))
        x = self.last(self.widen(self.pointwise(self.depthwise(x))))
        return self.head(torch.flatten(self.pool(x), 1))


class Block(nn.Module):
    """Pre-norm transformer block: multi-head self-attention, then a two-layer perceptron."""

    def __init__(self, tokens, width, heads, hidden):
        super().__init__()
        self.tokens, self.width, self.heads = tokens, width, heads
        self.norm_1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.project = nn.Linear(width, width)
        self.norm_2 = nn.LayerNorm(width)
        self.expand = nn.Linear(width, hidden)
        self.contract = nn.Linear(hidden, width)

    def split_heads(self, x):
        size = self.width // self.heads
        return x.reshape(-1, self.tokens, self.heads, size).transpose(1, 2)

    def attention(self, x):
        query, key, value = (self.split_heads(part)
                             for part in self.qkv(x).split(self.width, dim=-1))
        scores = torch.matmul(query, key.transpose(2, 3)) * (self.width // self.heads) ** -0.5
        mixed = torch.matmul(torch.softmax(scores, dim=-1), value)
        return self.project(mixed.transpose(1, 2).reshape(-1, self.tokens, self.width))

    def forward(self, x):
        x = x + self.attention(self.norm_1(x))
        return x + self.contract(functional.gelu(self.expand(self.norm_2(x))))


class DigitsVit(nn.Module):
    """A vision transformer over sixteen 7x7 patches with mean pooling."""

    title = "small vision transformer"
    rows = [
        ("patch embedding: convolution 7x7 stride 7, flatten, transpose", "16x64", ["patches"]),
        ("learned position embedding, add", "16x64", ["positions"]),
        *[(f"block {i + 1}: layer norm, attention of 4 heads, add; layer norm, MLP of 128 with"
           " GELU, add", "16x64", [f"blocks.{i}"]) for i in range(4)],
        ("layer norm", "16x64", ["norm"]),
        ("mean over tokens", "64", []),
        ("linear", "10", ["head"]),
    ]
    tokens, width, depth, heads, hidden = 16, 64, 4, 4, 128

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(1, self.width, kernel_size=7, stride=7)
        self.positions = nn.Parameter(0.02 * torch.randn(1, self.tokens, self.width))
        self.blocks = nn.Sequential(*[Block(self.tokens, self.width, self.heads, self.hidden)
                                      for _ in range(self.depth)])
        self.norm = nn.LayerNorm(self.width)
        self.head = nn.Linear(self.width, 10)

    def forward(self, image):
        x = self.patches(image).reshape(-1, self.width, self.tokens).transpose(1, 2)
        x = self.blocks(x + self.positions)
        return self.head(self.norm(x).mean(dim=1))
