#!/usr/bin/env python3
"""Saves tiny random models with transformers and compares what hone makes of their folders.

    transformers_test.py HONE [NAME ...]

ENGINES_PYTHON names a Python that has torch and transformers; without it the test is skipped.
Configurations that its version of transformers does not have are left out. Of decoders the logits
of a whole prompt are compared, of encoders all outputs that both give.
"""
import os
import subprocess
import sys
import tempfile
from pathlib import Path

RELATIVE = 2e-4  # of the largest magnitude of an output
PAGE = 64
LENGTH = 150  # tokens of a prompt: more than two pages, and than the windows below

SMALL = dict(vocab_size=101, hidden_size=32, intermediate_size=48, num_hidden_layers=3,
             num_attention_heads=4, pad_token_id=0, bos_token_id=1, eos_token_id=2,
             initializer_range=0.3)
GROUPED = dict(SMALL, num_key_value_heads=2, max_position_embeddings=256)
BERT = dict(vocab_size=101, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
            num_attention_heads=4, max_position_embeddings=70, initializer_range=0.3)
TOWER = dict(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
             initializer_range=0.3)
SIGHT = dict(TOWER, image_size=24, patch_size=8)
LLAMA3 = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=64)
YARN = dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=64)
LONG = dict(type="longrope", short_factor=[1.0, 1.5, 2.0, 3.0], long_factor=[2.0, 3.0, 5.0, 8.0])

# name: (class of the configuration, class of the model, settings)
DECODERS = {
    "llama": ("LlamaConfig", "LlamaForCausalLM", GROUPED),
    "llama_tied_biases": ("LlamaConfig", "LlamaForCausalLM",
                          dict(GROUPED, tie_word_embeddings=True, attention_bias=True,
                               mlp_bias=True, head_dim=12)),
    "llama3_rope": ("LlamaConfig", "LlamaForCausalLM", dict(GROUPED, rope_scaling=LLAMA3)),
    "llama_linear": ("LlamaConfig", "LlamaForCausalLM",
                     dict(GROUPED, rope_scaling=dict(type="linear", factor=2.0))),
    "llama_yarn": ("LlamaConfig", "LlamaForCausalLM", dict(GROUPED, rope_scaling=YARN)),
    "mistral": ("MistralConfig", "MistralForCausalLM", dict(GROUPED, sliding_window=40)),
    "mistral_no_window": ("MistralConfig", "MistralForCausalLM",
                          dict(GROUPED, sliding_window=None)),
    "qwen2": ("Qwen2Config", "Qwen2ForCausalLM", dict(GROUPED, rope_theta=1e6)),
    "qwen2_windows": ("Qwen2Config", "Qwen2ForCausalLM",
                      dict(GROUPED, use_sliding_window=True, sliding_window=40,
                           max_window_layers=1)),
    "qwen3": ("Qwen3Config", "Qwen3ForCausalLM", dict(GROUPED, head_dim=16)),
    "gemma2": ("Gemma2Config", "Gemma2ForCausalLM",
               dict(GROUPED, head_dim=16, sliding_window=40, query_pre_attn_scalar=12,
                    attn_logit_softcapping=5.0, final_logit_softcapping=3.0)),
    "gemma3_text": ("Gemma3TextConfig", "Gemma3ForCausalLM",
                    dict(GROUPED, num_hidden_layers=7, head_dim=16, sliding_window=40,
                         query_pre_attn_scalar=12, rope_theta=1e6)),
    "phi3": ("Phi3Config", "Phi3ForCausalLM", dict(GROUPED, sliding_window=None)),
    "phi3_window": ("Phi3Config", "Phi3ForCausalLM", dict(GROUPED, sliding_window=40)),
    "phi3_long": ("Phi3Config", "Phi3ForCausalLM",
                  dict(GROUPED, max_position_embeddings=256, rope_scaling=LONG,
                       original_max_position_embeddings=64)),
    "phi3_short": ("Phi3Config", "Phi3ForCausalLM",
                   dict(GROUPED, max_position_embeddings=256, rope_scaling=LONG,
                        original_max_position_embeddings=256)),
    "gpt2": ("GPT2Config", "GPT2LMHeadModel",
             dict(vocab_size=101, n_embd=32, n_layer=2, n_head=4, n_positions=256,
                  initializer_range=0.3)),
    "gpt2_untied": ("GPT2Config", "GPT2LMHeadModel",
                    dict(vocab_size=101, n_embd=32, n_layer=2, n_head=4, n_inner=40,
                         n_positions=256, tie_word_embeddings=False)),
    "smollm3": ("SmolLM3Config", "SmolLM3ForCausalLM", dict(GROUPED, num_hidden_layers=5)),
}


def of_class(config, prefix, endings, settings):
    return {f"{prefix}{ending}": (config, prefix + ending, settings) for ending in endings}


COMMON = ["Model", "ForMaskedLM", "ForSequenceClassification", "ForTokenClassification",
          "ForQuestionAnswering"]
ENCODERS = {
    **of_class("BertConfig", "Bert", COMMON + ["ForPreTraining", "ForNextSentencePrediction"],
               BERT),
    **of_class("RobertaConfig", "Roberta", COMMON,
               dict(BERT, type_vocab_size=1, pad_token_id=1, layer_norm_eps=1e-5)),
    **of_class("XLMRobertaConfig", "XLMRoberta", ["Model"],
               dict(BERT, type_vocab_size=1, pad_token_id=1)),
    **of_class("DistilBertConfig", "DistilBert", COMMON,
               dict(vocab_size=101, dim=32, hidden_dim=48, n_layers=2, n_heads=4,
                    max_position_embeddings=70, initializer_range=0.3)),
    **of_class("ElectraConfig", "Electra", COMMON + ["ForPreTraining"],
               dict(BERT, embedding_size=16)),
    **of_class("MPNetConfig", "MPNet", COMMON, dict(BERT, pad_token_id=1)),
    **of_class("AlbertConfig", "Albert", COMMON,
               dict(BERT, embedding_size=16, num_hidden_groups=2, num_hidden_layers=5)),
    **of_class("ViTConfig", "ViT", ["Model", "ForImageClassification"], SIGHT),
    **of_class("CLIPConfig", "CLIP", ["Model"],
               dict(text_config=dict(TOWER, vocab_size=101, max_position_embeddings=70,
                                     eos_token_id=100),
                    vision_config=SIGHT, projection_dim=20)),
    **of_class("CLIPTextConfig", "CLIPText", ["Model", "ModelWithProjection"],
               dict(TOWER, vocab_size=101, max_position_embeddings=70, eos_token_id=2)),
    **of_class("CLIPVisionConfig", "CLIPVision", ["Model", "ModelWithProjection"], SIGHT),
}


def save(case, folder, seed):
    import torch
    import transformers

    config_class, model_class, settings = case
    torch.manual_seed(seed)
    config = getattr(transformers, config_class)(**settings)
    if hasattr(config, "_attn_implementation"):
        config._attn_implementation = "eager"
    model = getattr(transformers, model_class)(config).eval()
    with torch.no_grad():  # norms and biases too, which begin as ones and zeros
        for name, p in model.named_parameters():
            if p.ndim == 1:
                p.add_(0.2 * torch.randn_like(p))
    model.save_pretrained(folder, safe_serialization=True)
    return model


def step(length):
    """Inputs of one step that takes a whole prompt, its pages in reverse order."""
    import numpy as np

    pages = -(-length // PAGE)
    order = np.arange(pages)[::-1].copy()
    places = np.arange(length)
    return pages, {"positions": places, "slots": order[places // PAGE] * PAGE + places % PAGE,
                   "starts": np.array([0, length]), "lengths": np.array([length]),
                   "table": order[None], "wanted": places}


def run(hone, model, inputs, names, folder, bind=(), backend=""):
    """The outputs of hone by name."""
    import numpy as np

    command = [hone, "run", str(model), "-o", str(folder)]
    if backend:
        command += ["--backend", backend]
    for name, value in inputs.items():
        np.save(folder / f"in_{name}.npy", value)
        command += ["--input", f"{name}={folder}/in_{name}.npy"]
    for item in bind:
        command += ["--bind", item]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    return {name: np.load(folder / f"output_{i}.npy") for i, name in enumerate(names)}


def outputs_of(hone, model):
    import json

    done = subprocess.run([hone, "inspect", str(model), "--json"], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    facts = json.loads(done.stdout)
    return [p["name"] for p in facts["inputs"]], [p["name"] for p in facts["outputs"]]


def keep_in_f32(hone, model, text):
    """Writes the model with keys and values that are not rounded to f16."""
    done = subprocess.run([hone, "opt", str(model), "--pipeline", "sweep", "-o", str(text)],
                          capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    content = text.read_text()
    if "f16[pages" not in content:
        raise RuntimeError("the cache is not of f16")
    text.write_text(content.replace("f16[pages", "f32[pages"))


def difference(got, want):
    import numpy as np

    if got.shape != want.shape:
        return f"shape {got.shape}, not {want.shape}"
    bound = RELATIVE * max(1e-3, float(np.abs(want).max()))
    error = float(np.abs(got.astype(np.float64) - want).max())
    return None if error <= bound else f"off by {error:.3g} of {np.abs(want).max():.3g}"


def check_decoder(hone, case, folder, backend):
    import numpy as np
    import torch

    model = save(case, folder / "model", 1)
    ids = np.random.default_rng(2).integers(3, 101, LENGTH)
    with torch.no_grad():
        want = model(torch.tensor(ids[None]), use_cache=False).logits[0].numpy()
    pages, inputs = step(LENGTH)
    exact = folder / "exact.ir"
    keep_in_f32(hone, folder / "model", exact)
    got = run(hone, exact, {"tokens": ids, **inputs}, ["logits"], folder, [f"pages={pages}"],
              backend)
    return difference(got["logits"], want)


def check_encoder(hone, case, folder, backend):
    import numpy as np
    import torch

    model = save(case, folder / "model", 3)
    names, outputs = outputs_of(hone, folder / "model")
    rng = np.random.default_rng(4)
    ids = rng.integers(3, 99, (3, 11))
    mask = np.ones_like(ids)
    for row, length in enumerate((11, 7, 4)):
        ids[row, length - 1] = 100  # the largest ends a text for CLIP
        ids[row, length:], mask[row, length:] = 1, 0
    given = {"input_ids": ids, "attention_mask": mask,
             "token_type_ids": (np.arange(11)[None] > 5).repeat(3, 0).astype(np.int64),
             "pixel_values": rng.standard_normal((2, 3, 24, 24)).astype(np.float32)}
    given = {name: given[name] for name in names}
    with torch.no_grad():
        want = model(**{k: torch.tensor(v) for k, v in given.items()})
    got = run(hone, folder / "model", given, outputs, folder, (), backend)
    compared = 0
    for name, value in got.items():
        other = getattr(want, name, None)
        if other is None:
            continue
        compared += 1
        found = difference(value, other.numpy())
        if found:
            return f"{name}: {found}"
    return None if compared else "no output to compare"


def main():
    hone, names = sys.argv[1], sys.argv[2:]
    python = os.environ.get("ENGINES_PYTHON")
    if not python:
        print("skipped: ENGINES_PYTHON is not set; `make engines` sets it up")
        return 77
    if Path(sys.executable) != Path(python):
        os.execv(python, [python, *sys.argv])
    try:
        import torch  # noqa: F401
        import transformers
    except ImportError as error:
        print(f"skipped: {error}")
        return 77
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    failed = skipped = passed = 0

    for cases, check in ((DECODERS, check_decoder), (ENCODERS, check_encoder)):
        for name, case in cases.items():
            if names and name not in names:
                continue
            if not hasattr(transformers, case[1]):
                print(f"{name}: skipped, this transformers has no {case[1]}")
                skipped += 1
                continue
            for backend in ("", "reference"):
                with tempfile.TemporaryDirectory() as folder:
                    try:
                        found = check(hone, case, Path(folder), backend)
                    except RuntimeError as error:
                        found = str(error)
                failed += found is not None
                passed += found is None
                if found:
                    print(f"{name}{' on ' + backend if backend else ''}: {found}")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
