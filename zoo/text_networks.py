"""The language models of the zoo: a Llama, a GPT-2 and a BERT, small, with the names of parameters
that Hugging Face folders have.

The decoders take ids i64 [texts, tokens] and give logits f32 [texts, tokens, vocabulary]; the encoder
takes a mask of the tokens that are there besides. Dropout has no place in them: the text is read only
a few times.
"""

import math

import torch
from torch import nn
from torch.nn import functional

INITIAL_DEVIATION = 0.02  # of what is looked up, and of products


class Namespace(nn.Module):
    """Modules under the names that a folder's tensors have."""

    def __init__(self, /, **modules):
        super().__init__()
        for name, module in modules.items():
            self.add_module(name, module)


HIGHEST, RANGE = 2.5, 500.0  # of the frequencies of positions, in radians for each token


def frequencies(count):
    return HIGHEST * RANGE ** (-torch.arange(count) / count)


def waves(positions, width):
    """Sines, then cosines of positions, of many frequencies (Vaswani et al. 2017).

    As the first values of positions that are learned: to look at a neighbour is then a rotation that
    is the same everywhere.
    """
    angles = torch.arange(positions)[:, None] * frequencies(width // 2)
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def look_at_neighbours(attention, offsets):
    """Lets each head of an encoder begin by looking at the token so far away.

    Keys are the highest frequencies of a position, queries those of the position at the offset. A
    decoder finds this by itself; hidden tokens give an encoder a long time nothing to start from.
    """
    width = attention.query.weight.shape[0]
    half, size = width // 2, width // len(offsets)
    with torch.no_grad():
        for head, offset in enumerate(offsets):
            for i, frequency in enumerate(frequencies(half)[:size // 2]):
                sine, cosine = torch.sin(frequency * offset), torch.cos(frequency * offset)
                row = head * size + 2 * i
                for weight, rows in (
                        (attention.key.weight, ((1.0, 0.0), (0.0, 1.0))),
                        (attention.query.weight, ((cosine, sine), (-sine, cosine)))):
                    for j, (of_sine, of_cosine) in enumerate(rows):
                        weight[row + j, i] += of_sine
                        weight[row + j, half + i] += of_cosine


def initialize(network, branches):
    """Normal weights, smaller where they end one of the `branches` that are added up."""
    for name, parameter in network.named_parameters():
        if parameter.dim() < 2:
            continue
        looked_up = "embed" in name or "wte" in name
        deviation = INITIAL_DEVIATION if looked_up else network.product_deviation
        if name.endswith(network.ends_of_branches):
            deviation /= math.sqrt(branches)
        nn.init.normal_(parameter, std=deviation)
        if "position" in name or "wpe" in name:
            with torch.no_grad():
                parameter.copy_(2 * INITIAL_DEVIATION * waves(*parameter.shape))


def attend(query, key, value, hidden):
    """Attention [texts, heads, tokens, size]; what `hidden` marks is not seen."""
    scores = torch.matmul(query, key.transpose(2, 3)) * query.shape[-1] ** -0.5
    return torch.matmul(torch.softmax(scores.masked_fill(hidden, -1e9), dim=-1), value)


def future(tokens):
    """[tokens, tokens]: what lies behind each token."""
    return torch.ones(tokens, tokens, dtype=torch.bool).triu(1)


def split_heads(x, size):
    return x.view(*x.shape[:2], -1, size).transpose(1, 2)


def join_heads(x):
    return x.transpose(1, 2).flatten(2)


class RmsNorm(nn.Module):
    """Root mean square normalization (Zhang and Sennrich 2019)."""

    def __init__(self, width, epsilon):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x):
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.epsilon) * self.weight


def turn(x, cosine, sine):
    """Rotary positions (Su et al. 2021): element i of a head is turned with i + size / 2."""
    first, second = x.chunk(2, dim=-1)
    return x * cosine + torch.cat([-second, first], dim=-1) * sine


class LlamaLayer(nn.Module):
    def __init__(self, c):
        super().__init__()
        width, kv = c["hidden_size"], c["num_key_value_heads"] * c["head_dim"]
        inner = c["intermediate_size"]
        self.size, self.groups = c["head_dim"], c["num_attention_heads"] // c["num_key_value_heads"]
        self.input_layernorm = RmsNorm(width, c["rms_norm_eps"])
        self.self_attn = Namespace(
            q_proj=nn.Linear(width, width, bias=False), k_proj=nn.Linear(width, kv, bias=False),
            v_proj=nn.Linear(width, kv, bias=False), o_proj=nn.Linear(width, width, bias=False))
        self.post_attention_layernorm = RmsNorm(width, c["rms_norm_eps"])
        self.mlp = Namespace(
            gate_proj=nn.Linear(width, inner, bias=False),
            up_proj=nn.Linear(width, inner, bias=False),
            down_proj=nn.Linear(inner, width, bias=False))

    def forward(self, x, cosine, sine, hidden):
        a, h = self.self_attn, self.input_layernorm(x)
        query, key, value = (split_heads(project(h), self.size)
                             for project in (a.q_proj, a.k_proj, a.v_proj))
        query, key = turn(query, cosine, sine), turn(key, cosine, sine)
        key, value = (each.repeat_interleave(self.groups, dim=1) for each in (key, value))
        x = x + a.o_proj(join_heads(attend(query, key, value, hidden)))
        m, h = self.mlp, self.post_attention_layernorm(x)
        return x + m.down_proj(functional.silu(m.gate_proj(h)) * m.up_proj(h))


class Llama(nn.Module):
    """Llama (Touvron et al. 2023) with grouped queries; the embedding gives the logits, too."""

    product_deviation = INITIAL_DEVIATION
    ends_of_branches = ("o_proj.weight", "down_proj.weight")

    def __init__(self, c):
        super().__init__()
        self.size, self.base = c["head_dim"], c["rope_theta"]
        self.model = Namespace(
            embed_tokens=nn.Embedding(c["vocab_size"], c["hidden_size"]),
            layers=nn.ModuleList(LlamaLayer(c) for _ in range(c["num_hidden_layers"])),
            norm=RmsNorm(c["hidden_size"], c["rms_norm_eps"]))
        initialize(self, 2 * c["num_hidden_layers"])

    def forward(self, ids):
        tokens = ids.shape[1]
        rates = self.base ** (-torch.arange(0, self.size, 2).float() / self.size)
        angles = torch.arange(tokens).float()[:, None] * torch.cat([rates, rates])
        x = self.model.embed_tokens(ids)
        for layer in self.model.layers:
            x = layer(x, angles.cos(), angles.sin(), future(tokens))
        return functional.linear(self.model.norm(x), self.model.embed_tokens.weight)


class Product(nn.Module):
    """A product with bias whose weight is stored [in, out]."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(inputs, outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x):
        return torch.matmul(x, self.weight) + self.bias


def gelu_tanh(x):
    """GELU by its approximation with tanh, which GPT-2 has."""
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))


class Gpt2Layer(nn.Module):
    def __init__(self, c):
        super().__init__()
        width, inner = c["n_embd"], c["n_inner"]
        self.size = width // c["n_head"]
        self.ln_1 = nn.LayerNorm(width, c["layer_norm_epsilon"])
        self.attn = Namespace(c_attn=Product(width, 3 * width), c_proj=Product(width, width))
        self.ln_2 = nn.LayerNorm(width, c["layer_norm_epsilon"])
        self.mlp = Namespace(c_fc=Product(width, inner), c_proj=Product(inner, width))

    def forward(self, x, hidden):
        parts = self.attn.c_attn(self.ln_1(x)).chunk(3, dim=-1)
        mixed = attend(*(split_heads(part, self.size) for part in parts), hidden)
        x = x + self.attn.c_proj(join_heads(mixed))
        return x + self.mlp.c_proj(gelu_tanh(self.mlp.c_fc(self.ln_2(x))))


class Gpt2(nn.Module):
    """GPT-2 (Radford et al. 2019); the embedding gives the logits, too."""

    product_deviation = 0.05
    ends_of_branches = ("c_proj.weight",)

    def __init__(self, c):
        super().__init__()
        width = c["n_embd"]
        self.transformer = Namespace(
            wte=nn.Embedding(c["vocab_size"], width), wpe=nn.Embedding(c["n_positions"], width),
            h=nn.ModuleList(Gpt2Layer(c) for _ in range(c["n_layer"])),
            ln_f=nn.LayerNorm(width, c["layer_norm_epsilon"]))
        initialize(self, 2 * c["n_layer"])

    def forward(self, ids):
        t, tokens = self.transformer, ids.shape[1]
        x = t.wte(ids) + t.wpe.weight[:tokens]
        for layer in t.h:
            x = layer(x, future(tokens))
        return functional.linear(t.ln_f(x), t.wte.weight)


class BertLayer(nn.Module):
    def __init__(self, c):
        super().__init__()
        width, inner, epsilon = c["hidden_size"], c["intermediate_size"], c["layer_norm_eps"]
        self.size = width // c["num_attention_heads"]
        of_self = {name: nn.Linear(width, width) for name in ("query", "key", "value")}
        self.attention = Namespace(
            self=Namespace(**of_self),
            output=Namespace(dense=nn.Linear(width, width), LayerNorm=nn.LayerNorm(width, epsilon)))
        self.intermediate = Namespace(dense=nn.Linear(width, inner))
        self.output = Namespace(dense=nn.Linear(inner, width),
                                LayerNorm=nn.LayerNorm(width, epsilon))

    def forward(self, x, hidden):
        a = self.attention.self
        mixed = attend(*(split_heads(project(x), self.size)
                         for project in (a.query, a.key, a.value)), hidden)
        after = self.attention.output
        x = after.LayerNorm(x + after.dense(join_heads(mixed)))
        inner = functional.gelu(self.intermediate.dense(x))
        return self.output.LayerNorm(x + self.output.dense(inner))


class Bert(nn.Module):
    """BERT (Devlin et al. 2019) with the head that tells masked tokens."""

    product_deviation = 0.05
    offsets = (-1, 1, -2, 2)
    ends_of_branches = ()

    def __init__(self, c):
        super().__init__()
        width, epsilon = c["hidden_size"], c["layer_norm_eps"]
        self.bert = Namespace(
            embeddings=Namespace(
                word_embeddings=nn.Embedding(c["vocab_size"], width),
                position_embeddings=nn.Embedding(c["max_position_embeddings"], width),
                token_type_embeddings=nn.Embedding(c["type_vocab_size"], width),
                LayerNorm=nn.LayerNorm(width, epsilon)),
            encoder=Namespace(
                layer=nn.ModuleList(BertLayer(c) for _ in range(c["num_hidden_layers"]))))
        self.cls = Namespace(predictions=Namespace(transform=Namespace(
            dense=nn.Linear(width, width), LayerNorm=nn.LayerNorm(width, epsilon))))
        self.cls.predictions.bias = nn.Parameter(torch.zeros(c["vocab_size"]))
        initialize(self, 1)
        for layer in self.bert.encoder.layer:
            look_at_neighbours(layer.attention.self, self.offsets)

    def forward(self, ids, present=None, wanted=None):
        """Logits of all tokens, or of those that `wanted` marks, as one list."""
        e = self.bert.embeddings
        x = e.LayerNorm(e.word_embeddings(ids) + e.position_embeddings.weight[:ids.shape[1]] +
                        e.token_type_embeddings.weight[0])
        if present is None:
            present = torch.ones_like(ids)
        for layer in self.bert.encoder.layer:
            x = layer(x, (present == 0)[:, None, None, :])
        if wanted is not None:
            x = x[wanted]
        p = self.cls.predictions
        x = p.transform.LayerNorm(functional.gelu(p.transform.dense(x)))
        return functional.linear(x, e.word_embeddings.weight, p.bias)
