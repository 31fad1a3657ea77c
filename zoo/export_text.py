"""Writes the folder of one language model: its files in all forms, test data and card.

Weights are rounded to F16 first, so that all files but the one in Q8_0 hold the same numbers, and the
figures of the card are of these.
"""

import json
import math
import subprocess
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

import bpe
import masked_text
import verses
from accuracy import wilson
from tensor_files import read_safetensors, write_gguf, write_safetensors
from text_cards import CARDS, STAGES_APART

HONE = Path(__file__).resolve().parent.parent / "build/release/hone"
WINDOW = 512  # that `hone perplexity` takes

# Names of parameters in folders and in GGUF files.
GGUF_NAMES = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "input_layernorm.weight": "attn_norm.weight",
    "self_attn.q_proj.weight": "attn_q.weight",
    "self_attn.k_proj.weight": "attn_k.weight",
    "self_attn.v_proj.weight": "attn_v.weight",
    "self_attn.o_proj.weight": "attn_output.weight",
    "post_attention_layernorm.weight": "ffn_norm.weight",
    "mlp.gate_proj.weight": "ffn_gate.weight",
    "mlp.up_proj.weight": "ffn_up.weight",
    "mlp.down_proj.weight": "ffn_down.weight",
}
NORMAL, CONTROL = 1, 3  # types of tokens


def read_weights(network, folder):
    """Takes the weights of a folder."""
    tensors = read_safetensors(folder / "model.safetensors")
    network.load_state_dict({name: torch.from_numpy(tensor.astype(np.float32))
                             for name, tensor in tensors.items()})


def round_weights(network):
    """The weights as F16, which the network then has, too."""
    rounded = {name: value.half() for name, value in network.state_dict().items()}
    network.load_state_dict({name: value.float() for name, value in rounded.items()})
    return {name: value.numpy() for name, value in rounded.items()}


def neighbours_turned(weight, heads):
    """Rows of queries or keys in the order of GGUF files of Llamas.

    There rotary positions turn neighbours, element 2 i with 2 i + 1, not i with i + size / 2.
    """
    rows, columns = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows,
                                                                                        columns)


def gguf_tensors(weights, config):
    """Weights by the names of GGUF files: matrices F16, norms F32."""
    heads = {"attn_q.weight": config["num_attention_heads"],
             "attn_k.weight": config["num_key_value_heads"]}
    tensors = {}
    for name, weight in weights.items():
        layer = ""
        if name.startswith("model.layers."):
            _, _, number, name = name.split(".", 3)
            layer = f"blk.{number}."
        name = GGUF_NAMES[name]
        if name in heads:
            weight = neighbours_turned(weight, heads[name])
        tensors[layer + name] = weight if weight.ndim > 1 else weight.astype(np.float32)
    return tensors


def gguf_metadata(name, config, tokenizer):
    types = [NORMAL] * len(tokenizer.tokens)
    types[tokenizer.end] = CONTROL
    return {
        "general.architecture": "llama", "general.name": name, "general.license": "apache-2.0",
        "general.file_type": 1,
        "llama.vocab_size": config["vocab_size"],
        "llama.context_length": config["max_position_embeddings"],
        "llama.embedding_length": config["hidden_size"],
        "llama.block_count": config["num_hidden_layers"],
        "llama.feed_forward_length": config["intermediate_size"],
        "llama.attention.head_count": config["num_attention_heads"],
        "llama.attention.head_count_kv": config["num_key_value_heads"],
        "llama.attention.key_length": config["head_dim"],
        "llama.attention.value_length": config["head_dim"],
        "llama.attention.layer_norm_rms_epsilon": config["rms_norm_eps"],
        "llama.rope.freq_base": config["rope_theta"],
        "llama.rope.dimension_count": config["head_dim"],
        "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "gpt-2",
        "tokenizer.ggml.tokens": tokenizer.tokens, "tokenizer.ggml.token_type": types,
        "tokenizer.ggml.merges": tokenizer.merge_lines(),
        "tokenizer.ggml.bos_token_id": tokenizer.end,
        "tokenizer.ggml.eos_token_id": tokenizer.end,
        "tokenizer.ggml.add_bos_token": True,
    }


def write_json(path, content):
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def write_tokenizer(folder, tokenizer, context):
    """tokenizer.json on one line, for it is long, and what is said beside it."""
    path = folder / "tokenizer.json"
    path.write_text(json.dumps(tokenizer.to_json(), ensure_ascii=False) + "\n")
    if isinstance(tokenizer, bpe.Tokenizer):
        write_json(folder / "tokenizer_config.json", {
            "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": bpe.END,
            "eos_token": bpe.END, "add_bos_token": True, "model_max_length": context,
            "clean_up_tokenization_spaces": False})
        write_json(folder / "generation_config.json", {
            "bos_token_id": tokenizer.end, "eos_token_id": tokenizer.end,
            "do_sample": True, "temperature": 0.7, "top_k": 40})
    else:
        write_json(folder / "tokenizer_config.json", {
            "tokenizer_class": "BertTokenizerFast", "do_lower_case": True, "pad_token": "[PAD]",
            "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]",
            "mask_token": "[MASK]", "model_max_length": context})


def foretold(network, tokenizer, text):
    """What `hone perplexity` tells of a text: sum of nats, tokens, how many came first."""
    ids = torch.tensor([tokenizer.end, *tokenizer.encode(text)])
    nats, tokens, right = 0.0, 0, 0
    with torch.no_grad():
        for window in ids.split(WINDOW):
            if len(window) < 2:
                continue
            logits = network(window[None])[0, :-1].double()
            nats += functional.cross_entropy(logits, window[1:], reduction="sum").item()
            tokens += len(window) - 1
            right += int((logits.argmax(1) == window[1:]).sum())
    return nats, tokens, right


def restored(network, tokenizer):
    """(right, of how many) hidden tokens of the held-out text."""
    rows = masked_text.windows(tokenizer, masked_text.held_out_chapters())
    inputs, places = masked_text.hidden(tokenizer, rows)
    right = 0
    with torch.no_grad():
        for ids, mask, at, was in zip(*(torch.from_numpy(a).split(16) for a in (
                inputs["input_ids"], inputs["attention_mask"], places, rows))):
            right += int((network(ids, mask, at).argmax(1) == was[at]).sum())
    return right, int(places.sum())


def write_arrays(folder, prefix, arrays):
    folder.mkdir(exist_ok=True)
    for name, array in arrays.items():
        np.save(folder / f"{prefix}_{name}.npy", array)


def write_decoder_test(folder, network, tokenizer):
    """A step of two sequences, and the logits of three rows of each."""
    texts = ["And it came to pass in those days, that the king of Israel sent messengers",
             "Proverbs 31\nThe fear of the LORD"]
    ids = [[tokenizer.end, *tokenizer.encode(text)] for text in texts]
    lengths = [len(each) for each in ids]
    starts = np.cumsum([0, *lengths])
    page = 64
    with torch.no_grad():
        logits = [network(torch.tensor([each]))[0].numpy() for each in ids]
    rows = [[0, length // 2, length - 1] for length in lengths]
    positions = [np.arange(length) for length in lengths]
    write_arrays(folder, "input", {
        "tokens": np.concatenate(ids), "positions": np.concatenate(positions),
        "slots": np.concatenate([p + i * page for i, p in enumerate(positions)]),
        "starts": starts, "lengths": np.array(lengths),
        "table": np.arange(len(ids))[:, None],
        "wanted": np.concatenate([start + np.array(r) for start, r in zip(starts, rows)])})
    write_arrays(folder, "output", {
        "logits": np.concatenate([given[r] for given, r in zip(logits, rows)])})


def write_encoder_test(folder, network, tokenizer):
    """Two texts with a hidden token each, one of them with padding behind it."""
    texts = [["And God said, Let there be", "and there was light."],
             ["The LORD is my", ";"]]
    rows = [[tokenizer.begin, *tokenizer.encode(before), tokenizer.mask,
             *tokenizer.encode(after), tokenizer.end] for before, after in texts]
    length = max(map(len, rows))
    ids = np.array([row + [tokenizer.padding] * (length - len(row)) for row in rows])
    mask = (ids != tokenizer.padding).astype(np.int64)
    with torch.no_grad():
        logits = network(torch.from_numpy(ids), torch.from_numpy(mask)).numpy()
    write_arrays(folder, "input", {"input_ids": ids, "attention_mask": mask,
                                   "token_type_ids": np.zeros_like(ids)})
    write_arrays(folder, "output", {"logits": logits})


def hone(*words):
    """What hone prints."""
    if not HONE.exists():
        raise SystemExit(f"{HONE} is missing; `make build` makes it")
    return subprocess.run([HONE, *map(str, words)], check=True, capture_output=True,
                          text=True).stdout


def said_of(stages):
    """What a card says of schedules that do not end by themselves."""
    if len(stages) > 1:
        return (f" that is cut short after {stages[0].steps:,} steps for a second one up to "
                f"{stages[1].rate}")
    return " that is cut short" if stages[0].steps < stages[0].length else ""


def card_facts(folder, network, tokenizer, config, text, settings):
    """What stands in the card of any model."""
    heldout = verses.HELD_OUT_FILE.read_text()
    training_tokens = sum(len(tokenizer.encode(chapter)) for chapter in text["training"])
    facts = {
        **{key: f"{value:,}" if isinstance(value, int) else value
           for key, value in settings.items()},
        "stages": said_of(settings["stages"]),
        "apart": STAGES_APART if len(settings["stages"]) > 1 else "",
        "name": folder.name, "config": config,
        "parameters": f"{sum(p.numel() for p in network.parameters()):,}",
        "vocabulary": f"{len(tokenizer.tokens):,}",
        "training_bytes": f"{len(verses.joined(text['training'])):,}",
        "training_tokens": f"{training_tokens:,}",
        "passes": f"{settings['steps'] * settings['batch'] / training_tokens:.1f}",
        "heldout_bytes": f"{len(heldout):,}",
    }
    if isinstance(tokenizer, bpe.Tokenizer):
        nats, tokens, right = foretold(network, tokenizer, heldout)
        # Windows begin with a token that is not foretold.
        total = nats / tokens * len(tokenizer.encode(heldout))
        facts.update(perplexity=math.exp(nats / tokens), nats=nats / tokens, tokens=f"{tokens:,}",
                     foretold=right / tokens, byte_perplexity=math.exp(total / len(heldout)),
                     byte_bits=total / len(heldout) / math.log(2))
    else:
        right, count = restored(network, tokenizer)
        low, high = wilson(right, count)
        facts.update(right=f"{right:,}", count=f"{count:,}", accuracy=right / count, low=low,
                     high=high)
    return facts


def write_folder(folder, network, tokenizer, config, text, settings):
    """Writes everything that belongs to one model."""
    folder.mkdir(exist_ok=True)
    network.eval()
    verses.HELD_OUT_FILE.write_text(verses.joined(text["heldout"]))
    weights = round_weights(network)
    write_safetensors(folder / "model.safetensors", weights)
    write_json(folder / "config.json", config)
    context = config.get("max_position_embeddings", config.get("n_positions"))
    write_tokenizer(folder, tokenizer, context)
    facts = card_facts(folder, network, tokenizer, config, text, settings)
    if config["model_type"] == "llama":
        f16, q8 = folder / "model-f16.gguf", folder / "model-q8_0.gguf"
        write_gguf(f16, gguf_metadata(folder.name, config, tokenizer),
                   gguf_tensors(weights, config))
        hone("quantize", f16, q8, "--to", "q8_0")
        facts["q8_perplexity"] = json.loads(hone("perplexity", q8, "-f", verses.HELD_OUT_FILE,
                                                 "--json"))["perplexity"]
    test = folder / "test_data_set_0"
    if isinstance(tokenizer, bpe.Tokenizer):
        write_decoder_test(test, network, tokenizer)
        facts["sample"] = "\n".join(("    " + line).rstrip() for line in hone(
            "generate", folder, "-p", "Psalm 151\n", "-n", 120, "--temperature", 0.7,
            "--seed", 1).rstrip().splitlines())
    else:
        write_encoder_test(test, network, tokenizer)
    (folder / "card.md").write_text(CARDS[config["model_type"]].format(**facts))
