"""Trains the language models of the zoo and writes their folders: model files, test data and card.

    python3 train_text.py                    all of them, about three quarters of an hour on one core
    python3 train_text.py verses_llama       one of them
    python3 train_text.py NAME --from-stage 2
                                             goes on from the weights that stage 1 has left
    python3 train_text.py --export-only      rewrites the other files from model.safetensors

They learn from the text that `verses.py` describes. Progress is judged on its validation chapters;
the held-out ones are only used for the card. Needs the Debian packages python3-torch, bible-kjv and
bible-kjv-text, and build/release/hone, which makes the Q8_0 file of the Llama. With libopenblas0
training is many times faster.
"""

import argparse
import math
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional

import bpe
import export_text
import verses
import wordpiece
from text_networks import Bert, Gpt2, Llama

ZOO = Path(__file__).resolve().parent
WORK = ZOO.parent / "out" / "zoo"  # what a training in progress leaves
WEIGHT_SEED, ORDER_SEED, MASK_SEED = 7, 11, 13
VOCABULARY = 2048
BATCH_TOKENS = 2048
WARM_UP, LEAST_RATE, DECAY = 0.05, 0.02, 0.1  # shares of the steps and of the rate; weight decay
MASKED = 0.35  # of the tokens: 80 % hidden, 10 % another token, 10 % as they are
IGNORED = -100

LLAMA = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": VOCABULARY,
    "hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 3,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 64, "hidden_act": "silu",
    "max_position_embeddings": 512, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
    "attention_bias": False, "mlp_bias": False, "tie_word_embeddings": True,
    "bos_token_id": VOCABULARY - 1, "eos_token_id": VOCABULARY - 1, "torch_dtype": "float16",
}
GPT2 = {
    "architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "vocab_size": VOCABULARY,
    "n_embd": 128, "n_inner": 512, "n_layer": 3, "n_head": 2, "n_positions": 512, "n_ctx": 512,
    "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5, "tie_word_embeddings": True,
    "bos_token_id": VOCABULARY - 1, "eos_token_id": VOCABULARY - 1, "torch_dtype": "float16",
}
BERT = {
    "architectures": ["BertForMaskedLM"], "model_type": "bert", "vocab_size": VOCABULARY,
    "hidden_size": 128, "intermediate_size": 512, "num_hidden_layers": 3,
    "num_attention_heads": 4, "hidden_act": "gelu", "max_position_embeddings": 64,
    "type_vocab_size": 2, "layer_norm_eps": 1e-12, "position_embedding_type": "absolute",
    "pad_token_id": 0, "torch_dtype": "float16",
}


class ForetellText:
    """Decoders: each token from those before it, in windows of two lengths."""

    tokenizer = bpe.Tokenizer
    windows = (256, 512)

    def __init__(self, tokenizer):
        self.line = tokenizer.encode("\n")
        self.end = [tokenizer.end]

    def examples(self, documents, generator):
        """Batches of one pass: documents in a new order, END or an empty line between them."""
        stream = []
        for i in generator.permutation(len(documents)):
            stream += documents[i] + (self.end if generator.random() < 0.5 else self.line)
        stream = torch.tensor(self.end + stream)
        batches, at = [], 0
        while True:
            length = self.windows[int(generator.integers(len(self.windows)))]
            rows = BATCH_TOKENS // length
            if at + rows * length + 1 > len(stream):
                break
            taken = stream[at:at + rows * length + 1]
            batches.append((taken[:-1].view(rows, length), taken[1:].view(rows, length)))
            at += rows * length
        for i in generator.permutation(len(batches)):
            yield batches[i]

    def loss(self, network, batch):
        ids, following = batch
        return functional.cross_entropy(network(ids).flatten(0, 1), following.flatten())


class RestoreText:
    """Encoders: tokens that are hidden from those around them."""

    tokenizer = wordpiece.Tokenizer
    length = 64

    def __init__(self, tokenizer):
        self.t = tokenizer

    def windows(self, documents, generator=None):
        """Pieces of documents between BEGIN and END, as i64 [n, length] with padding."""
        inner, rows = self.length - 2, []
        for document in documents:
            first = 0 if generator is None else -int(generator.integers(inner // 2))
            for at in range(first, len(document), inner):
                piece = document[max(at, 0):at + inner]
                row = [self.t.begin, *piece, self.t.end]
                rows.append(row + [self.t.padding] * (self.length - len(row)))
        return np.array(rows)

    def hide(self, rows, generator):
        """(ids with some hidden, what they were or IGNORED)."""
        chosen = (rows >= len(wordpiece.SPECIAL)) & (generator.random(rows.shape) < MASKED)
        kind = generator.random(rows.shape)
        others = generator.integers(len(wordpiece.SPECIAL), VOCABULARY, rows.shape)
        ids = np.where(chosen & (kind < 0.8), self.t.mask, rows)
        ids = np.where(chosen & (kind >= 0.9), others, ids)
        return torch.from_numpy(ids), torch.from_numpy(np.where(chosen, rows, IGNORED))

    def examples(self, documents, generator):
        rows = self.windows(documents, generator)
        rows = rows[generator.permutation(len(rows))]
        count = BATCH_TOKENS // self.length
        for at in range(0, len(rows) - count + 1, count):
            yield self.hide(rows[at:at + count], generator)

    def loss(self, network, batch):
        ids, hidden = batch
        wanted = hidden != IGNORED
        logits = network(ids, (ids != self.t.padding).long(), wanted)
        return functional.cross_entropy(logits, hidden[wanted])


class Stage(NamedTuple):
    """The first `steps` of a schedule for `length` steps: a ramp up to `rate`, then a cosine.

    A stage begins with a new optimizer, and a new order of the text.
    """

    steps: int
    length: int
    rate: float


MODELS = {
    "verses_llama": {"network": Llama, "config": LLAMA, "task": ForetellText,
                     "stages": [Stage(2200, 4000, 3e-3), Stage(400, 400, 1e-3)]},
    "verses_gpt2": {"network": Gpt2, "config": GPT2, "task": ForetellText,
                    "stages": [Stage(2000, 2000, 3e-3)]},
    "verses_bert": {"network": Bert, "config": BERT, "task": RestoreText,
                    "stages": [Stage(2000, 5000, 2e-3), Stage(600, 600, 1e-3)]},
}


def optimizer_of(network, rate):
    """AdamW; only matrices decay."""
    matrices = [p for p in network.parameters() if p.dim() >= 2]
    others = [p for p in network.parameters() if p.dim() < 2]
    return torch.optim.AdamW([{"params": matrices, "weight_decay": DECAY},
                              {"params": others, "weight_decay": 0.0}], rate, betas=(0.9, 0.98))


def rate_at(step, steps):
    """Share of the highest rate: a ramp, then a cosine."""
    ramp = WARM_UP * steps
    if step < ramp:
        return (step + 1) / ramp
    return LEAST_RATE + (1 - LEAST_RATE) * 0.5 * (
        1 + math.cos(math.pi * (step - ramp) / (steps - ramp)))


def endless(task, documents, seed):
    """Batches, pass after pass."""
    generator = np.random.default_rng(seed)
    while True:
        yield from task.examples(documents, generator)


def judge(network, task, documents):
    """Mean loss on one pass of other documents, the same each time."""
    with torch.no_grad():
        losses = [task.loss(network, batch).item()
                  for batch in task.examples(documents, np.random.default_rng(MASK_SEED))]
    return sum(losses) / len(losses)


def run_stage(name, network, task, training, validation, number, stage):
    """Goes through one stage of training."""
    optimizer = optimizer_of(network, stage.rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer,
                                                 lambda step: rate_at(step, stage.length))
    batches = endless(task, training, ORDER_SEED + number)
    began, losses = time.monotonic(), []
    for step, batch in zip(range(1, stage.steps + 1), batches):
        optimizer.zero_grad()
        loss = task.loss(network, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        if step % 100 == 0 or step == stage.steps:
            print(f"{name} stage {number + 1}, step {step}: loss {np.mean(losses):.4f}, validation "
                  f"{judge(network, task, validation):.4f}, {time.monotonic() - began:.0f} s",
                  flush=True)
            losses = []
            WORK.mkdir(parents=True, exist_ok=True)
            torch.save(network.state_dict(), WORK / f"{name}.pt")


def train(name, task, training, validation, from_stage):
    """Trains one network from fixed seeds, or from the weights that an earlier stage has left.

    That makes no difference: nothing but the weights goes from stage to stage.
    """
    settings = MODELS[name]
    torch.manual_seed(WEIGHT_SEED)
    network = settings["network"](settings["config"])
    if from_stage > 1:
        network.load_state_dict(torch.load(WORK / f"{name}.pt"))
    for number, stage in enumerate(settings["stages"]):
        if number + 1 >= from_stage:
            run_stage(name, network, task, training, validation, number, stage)
    return network


def prepared(name, text):
    """The tokenizer of a model, learned from the text, and its task."""
    task = MODELS[name]["task"]
    tokenizer = task.tokenizer.learn(verses.joined(text["training"]), VOCABULARY)
    return tokenizer, task(tokenizer)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("names", nargs="*", help=f"models to train: {', '.join(MODELS)}")
    parser.add_argument("--from-stage", type=int, default=1, metavar="N",
                        help="begin with this stage, from the weights in out/zoo")
    parser.add_argument("--export-only", action="store_true", help="do not train")
    arguments = parser.parse_args()
    for name in arguments.names:
        if name not in MODELS:
            parser.error(f"unknown model {name}; there are {', '.join(MODELS)}")
    for name in arguments.names or MODELS:
        if not 1 <= arguments.from_stage <= len(MODELS[name]["stages"]):
            parser.error(f"{name} has no stage {arguments.from_stage}")
    torch.set_num_threads(1)
    text = verses.split()
    for name in arguments.names or MODELS:
        tokenizer, task = prepared(name, text)
        if arguments.export_only:
            network = MODELS[name]["network"](MODELS[name]["config"])
            export_text.read_weights(network, ZOO / name)
        else:
            documents = {part: [tokenizer.encode(chapter) for chapter in chapters]
                         for part, chapters in text.items()}
            network = train(name, task, documents["training"], documents["validation"],
                            arguments.from_stage)
        stages = MODELS[name]["stages"]
        export_text.write_folder(ZOO / name, network, tokenizer, MODELS[name]["config"], text, {
            "steps": sum(stage.steps for stage in stages), "batch": BATCH_TOKENS,
            "stages": stages, "rate": stages[0].rate, "seed": WEIGHT_SEED})


if __name__ == "__main__":
    main()
